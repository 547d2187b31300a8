using Google.Protobuf;
using Xunit.Sdk;

namespace Granary.Conformance.Tests;

/// <summary>A test that says the same thing to both servers of a pair and wants the same answer, to the last field.</summary>
public abstract class ConformanceTest(Pair pair) : IAsyncLifetime
{
    // What was said in this test, for the one who has to find out why the answers differ.
    private readonly List<string> _said = [];

    protected static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    /// <summary>The revision both servers are at when the test starts; they hold no key and are compacted there.</summary>
    protected long Start { get; private set; }

    protected Pair Pair => pair;

    public virtual async ValueTask InitializeAsync() => Start = await pair.Level(Cancellation);

    public ValueTask DisposeAsync()
    {
        GC.SuppressFinalize(this);
        return ValueTask.CompletedTask;
    }

    internal Task<RangeResponse> Same(RangeRequest request) => SameSuccess<RangeResponse>(request);

    internal Task<PutResponse> Same(PutRequest request) => SameSuccess<PutResponse>(request);

    internal Task<DeleteRangeResponse> Same(DeleteRangeRequest request) => SameSuccess<DeleteRangeResponse>(request);

    internal Task<TxnResponse> Same(TxnRequest request) => SameSuccess<TxnResponse>(request);

    internal Task<CompactionResponse> Same(CompactionRequest request) => SameSuccess<CompactionResponse>(request);

    /// <summary>Both refuse, with the code and text that the specification gives.</summary>
    internal async Task SameError(Expected expected, IMessage request)
    {
        var answer = await SameAnswer(request);
        if (answer.Code != expected.Code || answer.Text != expected.Text)
        {
            throw new XunitException($"{Context()}both: {answer}\nspecification: {expected}");
        }
    }

    /// <summary>Where etcd 3.5 does something else, the specification's answer is asked of Granary alone.</summary>
    internal async Task ErrorOfGranary(Expected expected, IMessage request)
    {
        if (!Subject.IsGranary)
        {
            return;
        }

        var answer = await Calls.Ask(pair.Subject, request, Cancellation);
        _said.Add($"{Rendering.Of(request)} (to Granary only)");
        if (answer.Code != expected.Code || answer.Text != expected.Text)
        {
            throw new XunitException($"{Context()}Granary: {answer}\nspecification: {expected}");
        }
    }

    internal async Task<Answer> SameAnswer(IMessage request)
    {
        var (etcd, subject) = await pair.Ask(request, Cancellation);
        _said.Add(Rendering.Of(request));
        return etcd == subject ? subject : throw new XunitException($"{Context()}etcd:    {etcd}\nsubject: {subject}{pair.LastWords()}");
    }

    private async Task<TResponse> SameSuccess<TResponse>(IMessage request)
        where TResponse : class, IMessage
    {
        var answer = await SameAnswer(request);
        return answer.Message as TResponse ?? throw new XunitException($"{Context()}both refuse: {answer}");
    }

    private string Context() =>
        $"from revision {Start}, {_said.Count} requests, the last one answered wrongly:\n{string.Join('\n', _said.TakeLast(40))}\n";
}
