namespace Granary.Conformance.Tests;

/// <summary>Debian's python3-etcd3gw, a client of the JSON gateway, as it is: one session against each server, and the same to see.</summary>
public sealed class Etcd3gwTests(DefaultPair pair) : ConformanceTest(pair), IClassFixture<DefaultPair>
{
    private const string Session = """
        import sys, threading
        from etcd3gw.client import Etcd3Client
        from etcd3gw.lock import Lock

        host, port = sys.argv[1].split(':')
        client = Etcd3Client(host=host, port=int(port), timeout=60, api_path='/v3/')

        def told(what, answer):
            print(what, answer)

        told('status', client.status()['leader'] == client.status()['header']['member_id'])
        told('members', [member['name'] for member in client.members()])
        told('put', client.put('key', 'one'))
        told('get', client.get('key'))
        told('with metadata', [(value, sorted(meta)) for value, meta in client.get('key', metadata=True)])
        told('create', client.create('key', 'two'))
        told('create', client.create('other', 'two'))
        told('replace', client.replace('key', 'one', 'three'))
        told('replace', client.replace('key', 'one', 'four'))
        told('prefix', [value for value, _ in client.get_prefix('k', sort_order='descend', sort_target='key')])
        told('all', len(client.get_all()))
        told('transaction', client.transaction({
            'compare': [{'key': 'a2V5', 'result': 'EQUAL', 'target': 'VALUE', 'value': 'dGhyZWU='}],
            'success': [{'request_put': {'key': 'a2V5', 'value': 'Zm91cg=='}}],
            'failure': [{'request_range': {'key': 'a2V5'}}]})['succeeded'])

        lease = client.lease(ttl=100)
        told('leased', client.put('leased', 'x', lease=lease))
        told('ttl', 90 < int(lease.ttl()) <= 100)
        told('keys', lease.keys())
        told('refresh', int(lease.refresh()))
        told('revoke', lease.revoke())
        told('gone', client.get('leased'))

        with Lock('name', ttl=30, client=client) as lock:
            told('locked', lock.is_acquired())

        seen = []
        events, cancel = client.watch_prefix('watched')
        def put():
            client.put('watched/1', 'a')
            client.put('watched/2', 'b')
            client.delete('watched/1')
        threading.Thread(target=put).start()
        for event in events:
            seen.append((event.get('type', 'PUT'), event['kv']['key'], event['kv'].get('value')))
            if len(seen) == 3:
                cancel()
                break
        told('watched', seen)
        told('delete', client.delete('key'))
        told('delete', client.delete('key'))
        told('delete prefix', client.delete_prefix('watched'))
        try:
            client.get('')
        except Exception as error:
            told('error', type(error).__name__)
        """;

    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(60);

    [Fact]
    public async Task A_session_of_etcd3gw_goes_alike()
    {
        var python = await Repository.Tool("get-etcd3gw", Cancellation);
        Assert.Equal(await Run(python, Pair.Etcd, Session), await Run(python, Pair.Subject, Session));
    }

    internal static async Task<string> Run(string python, Server server, string session)
    {
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(Cancellation);
        deadline.CancelAfter(Deadline);
        var run = await Tool.End(Tool.Start(python, ["-c", session, server.Endpoint]), deadline.Token);
        Assert.True(run.ExitCode == 0, $"{server.Product}: {run.All}");
        return run.Output;
    }
}
