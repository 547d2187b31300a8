using System.Diagnostics;
using System.Text;
using static Granary.Conformance.Tests.Requests;

namespace Granary.Conformance.Tests;

/// <summary>etcdctl's long-running commands as they are: what they print at both is the same.</summary>
public sealed class EtcdctlWatchTests(DefaultPair pair) : ConformanceTest(pair), IClassFixture<DefaultPair>
{
    private static readonly TimeSpan Generous = TimeSpan.FromSeconds(30);

    [Fact]
    public async Task Watch_prints_what_was_and_what_comes_with_previous_values()
    {
        await SameAnswer(Put("w/a", "1"));
        await SameAnswer(Put("w/a", "2"));
        using var etcd = new Etcdctl(Pair.Etcd, "watch", "--prefix", "w/", $"--rev={Start + 1}", "--prev-kv");
        using var subject = new Etcdctl(Pair.Subject, "watch", "--prefix", "w/", $"--rev={Start + 1}", "--prev-kv");
        await etcd.HasPrinted("w/a\n2\n", Generous);
        await subject.HasPrinted("w/a\n2\n", Generous);
        await SameAnswer(Put("w/b", "3"));
        await SameAnswer(Delete("w/", "w0"));
        await SameAnswer(Put("w/end", "end"));
        await etcd.HasPrinted("w/end\nend\n", Generous);
        await subject.HasPrinted("w/end\nend\n", Generous);
        Assert.Equal(etcd.Printed, subject.Printed);
    }

    [Fact]
    public async Task Watch_takes_its_commands_from_its_input()
    {
        foreach (var server in (Server[])[Pair.Etcd, Pair.Subject])
        {
            using var watch = new Etcdctl(server, "watch", "-i");
            await watch.Say($"watch i --rev={Start + 1}\nwatch j --rev={Start + 1}\n");
            await new KV.KVClient(server.Calls).PutAsync(Put("i", "first"), cancellationToken: Cancellation);
            await watch.HasPrinted("i\nfirst\n", Generous);
            await new KV.KVClient(server.Calls).PutAsync(Put("j", "second"), cancellationToken: Cancellation);
            await watch.HasPrinted("j\nsecond\n", Generous);
        }
    }

    [Fact]
    public async Task Leases_locks_and_elections_work()
    {
        foreach (var server in (Server[])[Pair.Etcd, Pair.Subject])
        {
            using var grant = new Etcdctl(server, "lease", "grant", "600");
            await grant.HasPrinted("granted with TTL(600s)", Generous);
            var lease = grant.Printed.Split(' ')[1];
            using var put = new Etcdctl(server, "put", $"--lease={lease}", "leased", "1");
            await put.HasPrinted("OK", Generous);
            using var left = new Etcdctl(server, "lease", "timetolive", lease, "--keys");
            await left.HasPrinted("attached keys([leased])", Generous);
            using var alive = new Etcdctl(server, "lease", "keep-alive", "--once", lease);
            await alive.HasPrinted($"lease {lease} keepalived with TTL(600)", Generous);
            using var list = new Etcdctl(server, "lease", "list");
            await list.HasPrinted(lease, Generous);
            using var revoke = new Etcdctl(server, "lease", "revoke", lease);
            await revoke.HasPrinted($"lease {lease} revoked", Generous);

            using var first = new Etcdctl(server, "lock", "mutex");
            await first.HasPrinted("mutex/", Generous);
            using var second = new Etcdctl(server, "lock", "mutex", "echo", "held");
            using var leader = new Etcdctl(server, "elect", "boss", "me");
            await leader.HasPrinted("\nme\n", Generous);
            using var observer = new Etcdctl(server, "elect", "-l", "boss");
            await observer.HasPrinted("\nme\n", Generous);
            Assert.DoesNotContain("held", second.Printed, StringComparison.Ordinal);
            first.Interrupt();
            await second.HasPrinted("held\n", Generous);
        }
    }

    /// <summary>A running etcdctl and what it has printed so far.</summary>
    private sealed class Etcdctl : IDisposable
    {
        private readonly Process _process;
        private readonly StringBuilder _printed = new();

        public Etcdctl(Server server, params string[] arguments)
        {
            _process = Tool.StartEtcdctl(server, arguments);
            _process.OutputDataReceived += (_, line) =>
            {
                if (line.Data is not null)
                {
                    lock (_printed)
                    {
                        _printed.Append(line.Data).Append('\n');
                    }
                }
            };
            _process.ErrorDataReceived += (_, _) => { };
            _process.BeginOutputReadLine();
            _process.BeginErrorReadLine();
        }

        public string Printed
        {
            get
            {
                lock (_printed)
                {
                    return _printed.ToString();
                }
            }
        }

        public Task HasPrinted(string text, TimeSpan deadline) => Eventually.Holds(
            $"etcdctl prints {text}; so far: {Printed}", () => Task.FromResult(Printed.Contains(text, StringComparison.Ordinal)), deadline, Cancellation);

        public async Task Say(string text)
        {
            await _process.StandardInput.WriteAsync(text);
            await _process.StandardInput.FlushAsync();
        }

        public void Interrupt() => Signals.Send(_process, Signals.Interrupt);

        public void Dispose()
        {
            if (!_process.HasExited)
            {
                _process.Kill();
            }

            _process.Dispose();
        }
    }
}
