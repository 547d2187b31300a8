using Granary.Mvcc.Auth;
using Granary.Mvcc.Errors;
using Granary.Protos;

namespace Granary.Grains.Watches;

/// <summary>Who may watch what. It is asked when a watcher is created, and as in etcd never again: a watcher outlives the right to it.</summary>
public static class WatchAccess
{
    /// <summary>The reason that a refused watcher's reply gives: an error in the words of Go's gRPC library.</summary>
    public static string Reason(EtcdError error) => $"rpc error: code = {error.Code} desc = {error.Text}";

    internal static EtcdError? Check(AuthState auth, Caller caller, WatchCreateRequest request)
    {
        var keys = WatchHub.KeysOf(request);
        return Access.Of(auth, caller).Read(keys.Start, keys.End);
    }
}
