using System.Collections.Concurrent;
using System.Collections.Frozen;
using System.Diagnostics;
using System.Diagnostics.Metrics;
using Google.Protobuf.Reflection;
using Grpc.Core;

namespace Granary.Server.Metrics;

/// <summary>Counts gRPC calls under the names that Go's gRPC servers have for it, and etcd's own.</summary>
internal sealed class RpcMetrics
{
    public const string MeterName = "Granary.Rpc";
    private const string Unary = "unary";
    private const string OtherVersion = "other";

    // Clients may send whatever they like as their version.
    private const int MaxClientVersions = 32;

    // How etcd calls those of its streams that it counts the failures of.
    private static readonly (string Path, string Name)[] StreamApis =
        [("/etcdserverpb.Watch/Watch", "watch"), ("/etcdserverpb.Lease/LeaseKeepAlive", "lease-keepalive")];

    private readonly FrozenDictionary<string, RpcMethodMetrics> _methods;
    private readonly ConcurrentDictionary<(string Version, bool IsStream), StrongBox> _clients = new();
    private readonly Histogram<double>? _handling;

    public RpcMetrics(IEnumerable<Google.Protobuf.Reflection.ServiceDescriptor> services, IMeterFactory meters, bool withDurations)
    {
        _methods = services.SelectMany(service => service.Methods).ToFrozenDictionary(
            method => $"/{method.Service.FullName}/{method.Name}",
            method => new RpcMethodMetrics(method.Service.FullName, method.Name, TypeOf(method), TypeOf(method) != Unary));
        var meter = meters.Create(MeterName);
        meter.CreateObservableCounter("grpc_server_started_total", () => Each(method => method.Started), description: "Calls that were begun.");
        meter.CreateObservableCounter("grpc_server_msg_received_total", () => Each(method => method.MessagesReceived), description: "Messages that clients sent.");
        meter.CreateObservableCounter("grpc_server_msg_sent_total", () => Each(method => method.MessagesSent), description: "Messages that were sent to clients.");
        meter.CreateObservableCounter("grpc_server_handled_total", Handled, description: "Calls that ended, by their status.");
        meter.CreateObservableCounter("etcd_server_client_requests_total", ClientRequests, description: "Calls by the version that the client gives.");
        meter.CreateObservableCounter("etcd_network_server_stream_failures_total", StreamFailures, description: "Streams that ended by a fault and not by their client.");
        _handling = withDurations
            ? meter.CreateHistogram<double>("grpc_server_handling_seconds", description: "Time from a call's beginning to its end.")
            : null;
    }

    public RpcMethodMetrics? Find(string path) => _methods.GetValueOrDefault(path);

    public void CountClient(RpcMethodMetrics method, string version)
    {
        var key = (version, method.IsStream);
        if (!_clients.TryGetValue(key, out var count))
        {
            count = _clients.GetOrAdd(_clients.Count < MaxClientVersions ? key : (OtherVersion, method.IsStream), static _ => new StrongBox());
        }

        count.Increment();
    }

    public void CountEnd(RpcMethodMetrics method, StatusCode code, long start)
    {
        var duration = Stopwatch.GetElapsedTime(start);
        method.CountHandled(code);
        method.CountDuration(duration);
        _handling?.Record(
            duration.TotalSeconds,
            new("grpc_type", method.Type), new("grpc_service", method.Service), new("grpc_method", method.Method));
    }

    private IEnumerable<Measurement<long>> Each(Func<RpcMethodMetrics, long> value) => _methods.Values.Select(method => new Measurement<long>(
        value(method), new("grpc_type", method.Type), new("grpc_service", method.Service), new("grpc_method", method.Method)));

    private IEnumerable<Measurement<long>> Handled() =>
        from method in _methods.Values
        from code in Enum.GetValues<StatusCode>()
        select new Measurement<long>(
            method.Handled(code),
            new("grpc_type", method.Type),
            new("grpc_service", method.Service),
            new("grpc_method", method.Method),
            new("grpc_code", NameOf(code)));

    private IEnumerable<Measurement<long>> ClientRequests() => _clients.Select(client => new Measurement<long>(
        client.Value.Value, new("type", client.Key.IsStream ? "stream" : Unary), new("client_api_version", client.Key.Version)));

    private IEnumerable<Measurement<long>> StreamFailures() => StreamApis
        .Where(api => _methods.ContainsKey(api.Path))
        .Select(api => new Measurement<long>(
            Enum.GetValues<StatusCode>().Where(code => code is not (StatusCode.OK or StatusCode.Cancelled)).Sum(_methods[api.Path].Handled),
            new("API", api.Name),
            new("Type", "receive")));

    // As Go spells it.
    private static string NameOf(StatusCode code) => code == StatusCode.Cancelled ? "Canceled" : code.ToString();

    private static string TypeOf(MethodDescriptor method) => (method.IsClientStreaming, method.IsServerStreaming) switch
    {
        (false, false) => Unary,
        (true, false) => "client_stream",
        (false, true) => "server_stream",
        (true, true) => "bidi_stream",
    };

    private sealed class StrongBox
    {
        private long _value;

        public long Value => Interlocked.Read(ref _value);

        public void Increment() => Interlocked.Increment(ref _value);
    }
}
