using System.Globalization;
using Google.Protobuf;
using static Granary.Conformance.Tests.Requests;

namespace Granary.Conformance.Tests.Users;

/// <summary>
/// Who may do what: random users with random roles make random calls on ranges of every shape, while permissions come and go. Both
/// servers allow and refuse the same, and what was allowed did the same.
/// </summary>
public abstract class AuthMatrix(AuthPair pair) : AuthTest(pair)
{
    private const int Cases = 10_000;
    private const int CasesPerState = 100;
    private const int Roles = 5;
    private const int Users = 6;
    private const int Leases = 4;

    private static readonly string[] Keys = ["\0", "a", "a\0", "ab", "b", "b\u00ff", "c", "d", "\u00ff", "\u00ff\u00ff"];

    private static int Seed =>
        int.TryParse(Environment.GetEnvironmentVariable("GRANARY_SEED"), CultureInfo.InvariantCulture, out var seed) ? seed : Environment.TickCount;

    private Random _random = new(0);

    [Fact]
    public async Task Ten_thousand_calls_are_allowed_or_refused_as_by_etcd()
    {
        var seed = Seed;
        _random = new Random(seed);
        TestContext.Current.TestOutputHelper!.WriteLine($"GRANARY_SEED={seed}");
        var told = new Dictionary<string, int>();
        await SetUp();
        for (var i = 0; i < Cases; i++)
        {
            if (i % CasesPerState == 0)
            {
                await ChangeRights();
            }

            var request = AnyCall();
            var answer = await As(AnyUser(), request);
            var kind = $"{request.Descriptor.Name}: {(answer.Message is null ? answer.Text : "allowed")}";
            told[kind] = told.GetValueOrDefault(kind) + 1;
        }

        await Root(Everything(), new LeaseLeasesRequest());
        TestContext.Current.TestOutputHelper!.WriteLine(
            string.Join('\n', told.OrderBy(entry => entry.Key, StringComparer.Ordinal).Select(entry => $"{entry.Value} × {entry.Key}")));

        // Calls that are all refused, or all allowed, would agree too.
        foreach (var call in (string[])
            [
                nameof(RangeRequest), nameof(PutRequest), nameof(DeleteRangeRequest), nameof(TxnRequest), nameof(WatchCreateRequest),
                nameof(LeaseKeepAliveRequest), nameof(LeaseTimeToLiveRequest), nameof(LeaseRevokeRequest),
            ])
        {
            Assert.True(told.GetValueOrDefault($"{call}: allowed") > 0, $"no {call} was allowed");
            Assert.True(told.GetValueOrDefault($"{call}: etcdserver: permission denied") + (call == nameof(WatchCreateRequest) ? 1 : 0) > 0, $"no {call} was refused");
        }
    }

    private async Task SetUp()
    {
        await Enable();
        for (var i = 0; i < Roles; i++)
        {
            await Root(AddRole($"r{i}"));
        }

        for (var i = 0; i < Users; i++)
        {
            await Root(AddUser($"u{i}", "p"));
            await LogIn($"u{i}", "p");
        }

        await Root(AddUser("second root", "p"), GrantRole("second root", "root"));
        await LogIn("second root", "p");
        for (var i = 1; i <= Leases; i++)
        {
            await Root(new LeaseGrantRequest { ID = LeaseId(i), TTL = 100_000 });
        }
    }

    /// <summary>Other permissions and other members of roles; now and then a key finds its way to a lease.</summary>
    private async Task ChangeRights()
    {
        for (var i = 0; i < 6; i++)
        {
            var role = $"r{_random.Next(Roles)}";
            var (key, end) = Shape();

            // etcd replaces the kind of a permission only where it is the first one of its key; else it adds another one.
            await As("root", Revoke(role, key, end));
            await As("root", _random.Next(8) switch
            {
                0 => new AuthStatusRequest(),
                1 => new AuthRoleDeleteRequest { Role = role },
                2 => AddRole(role),
                3 => RevokeRole($"u{_random.Next(Users)}", role),
                4 => GrantRole($"u{_random.Next(Users)}", role),
                _ => Grant(role, (Permission.Types.Type)_random.Next(3), key, end),
            });
        }

        for (var i = 1; i <= Leases; i++)
        {
            await As("root", new LeaseGrantRequest { ID = LeaseId(i), TTL = 100_000 });
            await As("root", Put(Key(), lease: LeaseId(_random.Next(1, Leases + 1))));
        }
    }

    private string? AnyUser() => _random.Next(12) switch
    {
        0 => null,
        1 => "forged.1",
        2 => "root",
        3 => "second root",
        _ => $"u{_random.Next(Users)}",
    };

    private IMessage AnyCall()
    {
        var (key, end) = Shape();
        return _random.Next(22) switch
        {
            <= 3 => Range(key, end),
            4 => Range(key, end, countOnly: true),
            <= 7 => AnyPut(),
            <= 9 => Delete(key, end, prevKv: _random.Next(2) == 0),
            <= 13 => AnyTxn(depth: 2),
            14 => new LeaseKeepAliveRequest { ID = AnyLease() },
            15 => new LeaseTimeToLiveRequest { ID = AnyLease(), Keys = _random.Next(3) > 0 },
            16 => _random.Next(3) == 0 ? new LeaseRevokeRequest { ID = AnyLease() } : new LeaseLeasesRequest(),
            17 => _random.Next(4) == 0 ? new LeaseGrantRequest { ID = LeaseId(_random.Next(1, Leases + 2)), TTL = 100_000 } : new MemberListRequest(),
            18 => Compact(1),
            19 => new AlarmRequest { Action = (AlarmRequest.Types.AlarmAction)_random.Next(1), Alarm = AlarmType.Nospace },
            _ => AnyWatch(),
        };
    }

    private PutRequest AnyPut() => Put(Key(), lease: _random.Next(3) == 0 ? AnyLease() : 0, prevKv: _random.Next(3) == 0);

    private WatchCreateRequest AnyWatch()
    {
        var (key, end) = Shape();

        // etcd asks of a watch without an end whether its first key may be read, and no more: here it needs all of them.
        return new WatchCreateRequest { Key = Bytes(key), RangeEnd = Bytes(end == "\0" ? "" : end), StartRevision = 0 };
    }

    private TxnRequest AnyTxn(int depth)
    {
        var txn = new TxnRequest();
        for (var i = _random.Next(3); i > 0; i--)
        {
            var (key, end) = Shape();
            txn.Compare.Add(new Compare
            {
                Key = Bytes(key),
                RangeEnd = Bytes(end),
                Target = Compare.Types.CompareTarget.Version,
                Result = Compare.Types.CompareResult.Greater,
            });
        }

        for (var i = _random.Next(3); i > 0; i--)
        {
            (_random.Next(2) == 0 ? txn.Success : txn.Failure).Add(AnyOp(depth));
        }

        return txn;
    }

    private RequestOp AnyOp(int depth)
    {
        var (key, end) = Shape();
        return _random.Next(depth > 0 ? 4 : 3) switch
        {
            0 => new RequestOp { RequestRange = Range(key, end) },
            1 => new RequestOp { RequestPut = AnyPut() },
            2 => new RequestOp { RequestDeleteRange = Delete(key, end, prevKv: _random.Next(2) == 0) },
            _ => new RequestOp { RequestTxn = AnyTxn(depth - 1) },
        };
    }

    private string Key() => Keys[_random.Next(Keys.Length)];

    /// <summary>
    /// A single key, a range, an empty one, all from a key on, everything. Whether one that ends before it begins is allowed depends in etcd
    /// on the shape of its tree of permissions.
    /// </summary>
    private (string Key, string End) Shape() => _random.Next(8) switch
    {
        <= 2 => (Key(), ""),
        <= 5 => InOrder(Key(), Key()),
        6 => (Key(), "\0"),
        _ => ("\0", "\0"),
    };

    private static (string Key, string End) InOrder(string one, string other) =>
        string.CompareOrdinal(one, other) <= 0 ? (one, other) : (other, one);

    private long AnyLease() => LeaseId(_random.Next(1, Leases + 2));

    private long LeaseId(int number) => (1000 * Start) + number;
}

/// <inheritdoc/>
public sealed class AuthMatrixTests(AuthPair pair) : AuthMatrix(pair), IClassFixture<AuthPair>;

/// <inheritdoc/>
public sealed class SplitAuthMatrixTests(SplitAuthPair pair) : AuthMatrix(pair), IClassFixture<SplitAuthPair>;
