using Grpc.Core;

namespace Granary.Server.Metrics;

/// <summary>What is counted of one gRPC method. Written by every call, read when somebody asks: plain numbers, no instruments.</summary>
internal sealed class RpcMethodMetrics(string service, string method, string type, bool isStream)
{
    private static readonly int Codes = Enum.GetValues<StatusCode>().Length;

    private readonly long[] _handled = new long[Codes];
    private long _started;
    private long _received;
    private long _sent;
    private volatile DurationCounts? _durations;

    public string Service => service;

    public string Method => method;

    /// <summary>unary, client_stream, server_stream or bidi_stream.</summary>
    public string Type => type;

    public bool IsStream => isStream;

    public long Started => Interlocked.Read(ref _started);

    public long MessagesReceived => isStream ? Interlocked.Read(ref _received) : Started;

    public long MessagesSent => isStream ? Interlocked.Read(ref _sent) : Handled(StatusCode.OK);

    public long Handled(StatusCode code) => Interlocked.Read(ref _handled[(int)code]);

    /// <summary>Has the durations of its calls counted from now on, if they are not yet.</summary>
    public DurationCounts Measure() => _durations ??= new DurationCounts();

    public void CountDuration(TimeSpan duration) => _durations?.Add(duration);

    public void CountStarted() => Interlocked.Increment(ref _started);

    public void CountHandled(StatusCode code)
    {
        var index = (int)code;
        Interlocked.Increment(ref _handled[index >= 0 && index < Codes ? index : (int)StatusCode.Unknown]);
    }

    public void CountReceived() => Interlocked.Increment(ref _received);

    public void CountSent() => Interlocked.Increment(ref _sent);
}
