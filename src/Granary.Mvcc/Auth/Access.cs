using Google.Protobuf;
using Granary.Mvcc.Errors;
using Granary.Mvcc.Evaluation;
using Granary.Mvcc.Keys;

namespace Granary.Mvcc.Auth;

/// <summary>What one caller may do in one auth state. Each question is answered with the error that the caller gets, or null.</summary>
public readonly struct Access
{
    private readonly EtcdError? _error;
    private readonly UserAccess? _user;

    private Access(EtcdError? error, UserAccess? user)
    {
        _error = error;
        _user = user;
    }

    /// <summary>Whether the token is of an older auth revision: then not even a txn that asks for nothing is answered.</summary>
    public bool IsOutdated => _error == EtcdError.AuthOldRevision;

    /// <summary>Whether everything is allowed: then nothing needs to be looked up.</summary>
    public bool IsFree => _error is null && _user is null;

    public static Access Of(AuthState state, Caller caller)
    {
        ArgumentNullException.ThrowIfNull(caller);
        if (!state.IsEnabled || caller.IsServer)
        {
            return default;
        }

        if (caller.User is null)
        {
            return new Access(EtcdError.UserEmpty, null);
        }

        if (caller.TokenRevision < state.Revision)
        {
            return new Access(EtcdError.AuthOldRevision, null);
        }

        return state.AccessOf(caller.User) is not { } user ? new Access(EtcdError.PermissionDenied, null)
            : user.IsRoot ? default
            : new Access(null, user);
    }

    public EtcdError? Read(ByteString key, ByteString rangeEnd) => Check(_user?.Reads, new KeyRange(key, rangeEnd));

    public EtcdError? Write(ByteString key, ByteString rangeEnd) => Check(_user?.Writes, new KeyRange(key, rangeEnd));

    /// <summary>All keys that are attached to a lease.</summary>
    public EtcdError? ReadAttached(IKeyspaceView view, long lease) => CheckAttached(_user?.Reads, view, lease);

    /// <inheritdoc cref="ReadAttached"/>
    public EtcdError? WriteAttached(IKeyspaceView view, long lease) => CheckAttached(_user?.Writes, view, lease);

    private EtcdError? Check(KeyIntervals? allowed, KeyRange range) =>
        _error ?? (allowed?.Contains(range) is false ? EtcdError.PermissionDenied : null);

    // From one allowed interval to the next one with a key: whatever the number of keys, no more steps than there are intervals.
    private EtcdError? CheckAttached(KeyIntervals? allowed, IKeyspaceView view, long lease)
    {
        if (allowed is null && _error is null)
        {
            return null;
        }

        var from = ByteString.Empty;
        while (view.NextAttached(lease, from) is { } key)
        {
            if (_error is not null)
            {
                return _error;
            }

            if (!allowed!.TryFindEnd(key, out var end))
            {
                return EtcdError.PermissionDenied;
            }

            if (end is null)
            {
                return null;
            }

            from = end;
        }

        return null;
    }
}
