using Google.Protobuf;
using Granary.Protos.Concurrency;
using Grpc.Core;
using static Granary.Conformance.Tests.Requests;
using static Granary.Protos.Permission.Types.Type;

namespace Granary.Conformance.Tests.Users;

/// <summary>Ways to get at others' keys, one by one, and what is open when a right goes.</summary>
public sealed class AuthAccessTests(AuthPair pair) : AuthTest(pair), IClassFixture<AuthPair>
{
    private long Lease => (1000 * Start) + 1;

    [Fact]
    public async Task No_call_of_any_service_is_answered_without_a_user()
    {
        // etcd 3.5 answers some of these in words of its own.
        if (!Subject.IsGranary)
        {
            return;
        }

        await Enable();
        await Root(Put("k"), new LeaseGrantRequest { ID = Lease, TTL = 1000 });
        var requests = new Dictionary<string, IMessage>
        {
            ["KV/Range"] = Range("k"),
            ["KV/RangeStream"] = Range("k", "l"),
            ["KV/Put"] = Put("k"),
            ["KV/DeleteRange"] = Delete("k"),
            ["KV/Txn"] = Txn(then: [Range("k")]),
            ["KV/Compact"] = Compact(1),
            ["Watch/Watch"] = new WatchRequest { CreateRequest = new WatchCreateRequest { Key = Bytes("k") } },
            ["Lease/LeaseGrant"] = new LeaseGrantRequest { TTL = 100 },
            ["Lease/LeaseRevoke"] = new LeaseRevokeRequest { ID = Lease },
            ["Lease/LeaseKeepAlive"] = new LeaseKeepAliveRequest { ID = Lease },
            ["Lease/LeaseTimeToLive"] = new LeaseTimeToLiveRequest { ID = Lease },
            ["Lease/LeaseLeases"] = new LeaseLeasesRequest(),
            ["Cluster/MemberAdd"] = new MemberAddRequest { PeerURLs = { "http://127.0.0.1:1" } },
            ["Cluster/MemberRemove"] = new MemberRemoveRequest(),
            ["Cluster/MemberUpdate"] = new MemberUpdateRequest(),
            ["Cluster/MemberList"] = new MemberListRequest(),
            ["Cluster/MemberPromote"] = new MemberPromoteRequest(),
            ["Maintenance/Alarm"] = new AlarmRequest(),
            ["Maintenance/Status"] = new StatusRequest(),
            ["Maintenance/Defragment"] = new DefragmentRequest(),
            ["Maintenance/Hash"] = new HashRequest(),
            ["Maintenance/HashKV"] = new HashKVRequest(),
            ["Maintenance/Snapshot"] = new SnapshotRequest(),
            ["Maintenance/MoveLeader"] = new MoveLeaderRequest(),
            ["Maintenance/Downgrade"] = new DowngradeRequest(),
            ["Auth/AuthEnable"] = new AuthEnableRequest(),
            ["Auth/AuthDisable"] = new AuthDisableRequest(),
            ["Auth/AuthStatus"] = new AuthStatusRequest(),
            ["Auth/UserAdd"] = AddUser("new", "p"),
            ["Auth/UserGet"] = new AuthUserGetRequest { Name = "root" },
            ["Auth/UserList"] = new AuthUserListRequest(),
            ["Auth/UserDelete"] = new AuthUserDeleteRequest { Name = "root" },
            ["Auth/UserChangePassword"] = new AuthUserChangePasswordRequest { Name = "root", Password = "mine" },
            ["Auth/UserGrantRole"] = GrantRole("root", "root"),
            ["Auth/UserRevokeRole"] = RevokeRole("root", "root"),
            ["Auth/RoleAdd"] = AddRole("new"),
            ["Auth/RoleGet"] = new AuthRoleGetRequest { Role = "root" },
            ["Auth/RoleList"] = new AuthRoleListRequest(),
            ["Auth/RoleDelete"] = new AuthRoleDeleteRequest { Role = "root" },
            ["Auth/RoleGrantPermission"] = Grant("root", Read, "a"),
            ["Auth/RoleRevokePermission"] = Revoke("root", "a"),
            ["Lock/Lock"] = new LockRequest { Name = Bytes("l"), Lease = Lease },
            ["Lock/Unlock"] = new UnlockRequest { Key = Bytes("k") },
            ["Election/Campaign"] = new CampaignRequest { Name = Bytes("e"), Lease = Lease },
            ["Election/Proclaim"] = new ProclaimRequest { Leader = new LeaderKey { Name = Bytes("e"), Key = Bytes("k"), Lease = Lease, Rev = 1 } },
            ["Election/Leader"] = new LeaderRequest { Name = Bytes("e") },
            ["Election/Observe"] = new LeaderRequest { Name = Bytes("e") },
            ["Election/Resign"] = new ResignRequest { Leader = new LeaderKey { Name = Bytes("e"), Key = Bytes("k"), Lease = Lease, Rev = 1 } },
        };
        Google.Protobuf.Reflection.ServiceDescriptor[] services =
            [KV.Descriptor, Watch.Descriptor, Protos.Lease.Descriptor, Protos.Cluster.Descriptor, Maintenance.Descriptor, Auth.Descriptor, Protos.Concurrency.Lock.Descriptor, Election.Descriptor];
        Assert.Equal(
            services.SelectMany(service => service.Methods).Select(method => $"{method.Service.Name}/{method.Name}").Order(StringComparer.Ordinal),
            requests.Keys.Append("Auth/Authenticate").Order(StringComparer.Ordinal));
        foreach (var method in services.SelectMany(service => service.Methods).Where(method => method.Name != "Authenticate"))
        {
            foreach (var (headers, text) in ((Metadata?, string)[])
                [
                    (null, "user name is empty"),
                    (new Metadata { { "token", "forged.1" } }, "invalid auth token"),
                    (new Metadata { { "token", "" } }, "invalid auth token"),
                    (new Metadata { { "authorization", "Bearer forged.1" } }, "invalid auth token"),
                    (new Metadata { { "grpcgateway-authorization", "root" }, { "username", "root" } }, "user name is empty"),
                ])
            {
                var name = $"{method.Service.Name}/{method.Name}";
                var told = await FirstAnswer(Pair.Subject, method.Service.FullName, method.Name, requests[name], headers);
                Assert.True(told.Contains(text, StringComparison.Ordinal), $"{name} says {told} instead of {text}");
            }
        }

        await Root(Put("k"), new AuthUserListRequest());
    }

    [Fact]
    public async Task A_watch_without_an_end_needs_the_right_to_all_that_it_would_be_told()
    {
        await Ann(Grant("r", Read, "a"), Grant("r", Read, "m", "o"));
        await As("ann", new WatchCreateRequest { Key = Bytes("a") });
        await As("ann", new WatchCreateRequest { Key = Bytes("m"), RangeEnd = Bytes("o") });
        await As("ann", new WatchCreateRequest { Key = Bytes("m"), RangeEnd = Bytes("p") });
        await As("ann", new WatchCreateRequest());
        if (!Subject.IsGranary)
        {
            return;
        }

        var (_, subject) = await AskAs("ann", new WatchCreateRequest { Key = Bytes("a"), RangeEnd = Bytes("\0") });
        Assert.Contains("permission denied", Assert.IsType<WatchResponse>(subject.Message).CancelReason, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Keep_alives_that_come_together_are_answered_up_to_the_first_that_is_refused()
    {
        await Ann(Grant("r", Readwrite, "a", "b"));
        await Root(new LeaseGrantRequest { ID = Lease, TTL = 1000 }, new LeaseGrantRequest { ID = Lease + 1, TTL = 1000 });
        await Root(Put("a1", lease: Lease), Put("c1", lease: Lease + 1));
        var told = new List<string>();
        foreach (var server in (Server[])[Pair.Etcd, Pair.Subject])
        {
            var token = await Token(server, "ann", "a");
            using var keepAlive = new Protos.Lease.LeaseClient(server.Calls).LeaseKeepAlive(Headers(token), cancellationToken: Cancellation);
            foreach (var lease in (long[])[Lease, 5, Lease, Lease + 1])
            {
                await keepAlive.RequestStream.WriteAsync(new LeaseKeepAliveRequest { ID = lease }, Cancellation);
            }

            var log = new List<string>();
            for (var i = 0; i < 4; i++)
            {
                log.Add(await Next(keepAlive));
            }

            told.Add(string.Join('\n', log));
        }

        Assert.Equal(told[0], told[1]);
        Assert.Contains("PermissionDenied", told[1], StringComparison.Ordinal);
    }

    [Fact]
    public async Task Open_watches_and_keep_alives_go_on_or_end_as_at_etcd()
    {
        await Ann(Grant("r", Readwrite, "a", "b"));
        await Root(new LeaseGrantRequest { ID = Lease, TTL = 1000 });
        await As("ann", Put("a1", lease: Lease));
        var told = new List<string>();
        foreach (var server in (Server[])[Pair.Etcd, Pair.Subject])
        {
            var token = await Token(server, "ann", "a");
            var root = await Token(server, "root", AuthPair.RootPassword);
            using var watch = new Watch.WatchClient(server.Calls).Watch(Headers(token), cancellationToken: Cancellation);
            using var keepAlive = new Protos.Lease.LeaseClient(server.Calls).LeaseKeepAlive(Headers(token), cancellationToken: Cancellation);
            var auth = new Auth.AuthClient(server.Calls);
            var kv = new KV.KVClient(server.Calls);
            var log = new List<string>();

            await watch.RequestStream.WriteAsync(Watches("a"), Cancellation);
            log.Add(await Next(watch));
            await keepAlive.RequestStream.WriteAsync(new LeaseKeepAliveRequest { ID = Lease }, Cancellation);
            log.Add(await Next(keepAlive));

            await auth.RoleRevokePermissionAsync(Revoke("r", "a", "b"), Headers(root), cancellationToken: Cancellation);
            await kv.PutAsync(Put("a"), Headers(root), cancellationToken: Cancellation);
            log.Add(await Next(watch));
            await watch.RequestStream.WriteAsync(Watches("a"), Cancellation);
            log.Add(await Next(watch));
            await keepAlive.RequestStream.WriteAsync(new LeaseKeepAliveRequest { ID = Lease }, Cancellation);
            log.Add(await Next(keepAlive));

            await auth.UserDeleteAsync(new AuthUserDeleteRequest { Name = "ann" }, Headers(root), cancellationToken: Cancellation);
            await kv.PutAsync(Put("a"), Headers(root), cancellationToken: Cancellation);
            log.Add(await Next(watch));
            await watch.RequestStream.WriteAsync(Watches("a"), Cancellation);
            log.Add(await Next(watch));
            told.Add(string.Join('\n', log));
        }

        Assert.Equal(told[0], told[1]);
        Assert.Contains("PermissionDenied", told[1], StringComparison.Ordinal);
        Assert.Contains("Unauthenticated", told[1], StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_range_that_ends_before_it_begins_is_allowed_where_it_begins()
    {
        await Ann(Grant("r", Readwrite, "b", "d"));
        foreach (var (key, end) in ((string, string)[])[("b", "a"), ("c", "b"), ("c", "c"), ("d", "c"), ("a", "a"), ("x", "b"), ("c", "\0\0")])
        {
            await As("ann", Range(key, end));
            await As("ann", Delete(key, end));
        }
    }

    private async Task Ann(params IMessage[] grants)
    {
        await Enable();
        await Root(AddUser("ann", "a"), AddRole("r"), GrantRole("ann", "r"));
        await Root(grants);
        await LogIn("ann", "a");
    }

    private static async Task<string> Token(Server server, string name, string password) =>
        (await new Auth.AuthClient(server.Calls).AuthenticateAsync(new AuthenticateRequest { Name = name, Password = password }, cancellationToken: Cancellation)).Token;

    private static WatchRequest Watches(string key) => new() { CreateRequest = new WatchCreateRequest { Key = Bytes(key) } };

    private static Metadata Headers(string token) => new() { { "token", token } };

    private static async Task<string> Next<TRequest, TResponse>(AsyncDuplexStreamingCall<TRequest, TResponse> stream)
        where TResponse : class, IMessage
    {
        try
        {
            return await stream.ResponseStream.MoveNext(Cancellation) ? Answer.Of(stream.ResponseStream.Current).ToString() : stream.GetStatus().ToString();
        }
        catch (RpcException exception)
        {
            return Answer.Of(exception).ToString();
        }
    }

    // The first message of the answer, or the status where there is none.
    private static async Task<string> FirstAnswer(Server server, string service, string method, IMessage request, Metadata? headers)
    {
        var bytes = Marshallers.Create(value => value, value => value);
        using var call = server.Calls.AsyncDuplexStreamingCall(
            new Method<byte[], byte[]>(MethodType.DuplexStreaming, service, method, bytes, bytes),
            host: null,
            new CallOptions(headers, DateTime.UtcNow.AddSeconds(30), Cancellation));
        try
        {
            await call.RequestStream.WriteAsync(request.ToByteArray(), Cancellation);
            if (service != Watch.Descriptor.FullName)
            {
                await call.RequestStream.CompleteAsync();
            }

            return await call.ResponseStream.MoveNext(Cancellation) ? WatchResponse.Parser.ParseFrom(call.ResponseStream.Current).CancelReason : "an empty answer";
        }
        catch (RpcException exception)
        {
            return exception.Status.Detail;
        }
    }
}
