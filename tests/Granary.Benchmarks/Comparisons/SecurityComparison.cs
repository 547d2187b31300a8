using Google.Protobuf;
using Granary.Benchmarks.Load;
using Granary.Benchmarks.Reports;
using Granary.Protos;
using Granary.Testing;

namespace Granary.Benchmarks.Comparisons;

/// <summary>
/// What TLS and users cost: one server after the other, each with a plain and a secure port, is loaded by the two in turn; then Granary
/// without and with authentication, and without and with an audit log.
/// </summary>
internal sealed class SecurityComparison(CompareOptions options, Report report)
{
    private const int Keys = 100_000;
    private const int Clients = 100;
    private const int Users = 1000;
    private const int Roles = 100;
    private const int PermissionsPerRole = 100;
    private const int SettingUpAtOnce = 8;

    private static readonly Workload[] Workloads = [Workload.Put, Workload.Range];

    private readonly KeySpace _keys = new(Keys, 16, 256, seed: 1);

    /// <param name="only">tls, users or audit; null for all three.</param>
    /// <param name="cancellationToken">Gives up.</param>
    public async Task Run(string? only, CancellationToken cancellationToken)
    {
        if (only is null or "tls")
        {
            await Securing(report.Table($"TLS: req/s, {Clients} clients", "plain", "TLS"), cancellationToken);
        }

        if (only is null or "users")
        {
            var title = $"Authentication: req/s, {Clients} clients; {Users} users, {Roles * PermissionsPerRole} permissions of the one at work";
            await Authentication(report.Table(title, "off", "on"), cancellationToken);
        }

        if (only is null or "audit")
        {
            await Auditing(report.Table($"Audit log: req/s, {Clients} clients", "no audit log", "to a file"), cancellationToken);
        }
    }

    private async Task Securing(ComparisonTable table, CancellationToken cancellationToken)
    {
        var directory = Directory.CreateTempSubdirectory("granary-bench-tls-");
        try
        {
            var authority = new Authority(directory.FullName, "authority");
            var (certificate, key) = authority.Issue("server");
            foreach (var product in (Product[])[Product.Etcd, Product.Granary])
            {
                var (plain, secure) = ($"http://127.0.0.1:{LoopbackPorts.Take()}", $"https://127.0.0.1:{LoopbackPorts.Take()}");
                await using var server = await Server.Start(
                    product, cancellationToken, "--listen-client-urls", $"{plain},{secure}", "--advertise-client-urls", plain, "--cert-file", certificate, "--key-file", key);
                await Fill.Run(new Uri(plain), _keys, cancellationToken);
                await InTurn(
                    table, $"{product}, ", server,
                    () => Task.FromResult((plain, (Credentials?)null)),
                    () => Task.FromResult((secure, (Credentials?)new Credentials(authority.CertificateFile))),
                    cancellationToken);
            }
        }
        finally
        {
            directory.Delete(recursive: true);
        }
    }

    private async Task Auditing(ComparisonTable table, CancellationToken cancellationToken)
    {
        await using var without = await Server.Start(Product.Granary, cancellationToken);
        await using var with = await Server.Start(Product.Granary, cancellationToken, "--audit-log=audit.log");
        await Fill.Run(new Uri(without.Address), _keys, cancellationToken);
        await Fill.Run(new Uri(with.Address), _keys, cancellationToken);
        await InTurn(
            table, "audit, ", with,
            () => Task.FromResult((without.Address, (Credentials?)null)),
            () => Task.FromResult((with.Address, (Credentials?)new Credentials())),
            cancellationToken);
    }

    private async Task Authentication(ComparisonTable table, CancellationToken cancellationToken)
    {
        await using var server = await Server.Start(Product.Granary, cancellationToken, "--bcrypt-cost=4");
        var endpoint = new Uri(server.Address);
        await Fill.Run(endpoint, _keys, cancellationToken);
        await SetUp(endpoint, cancellationToken);
        var root = "";
        await InTurn(
            table, "", server,
            async () =>
            {
                if (root.Length > 0)
                {
                    using var connection = new Connection(endpoint, new Credentials(Token: root));
                    await connection.Auth.AuthDisableAsync(new AuthDisableRequest(), cancellationToken: cancellationToken);
                }

                return (server.Address, null);
            },
            async () =>
            {
                using var connection = new Connection(endpoint);
                await connection.Auth.AuthEnableAsync(new AuthEnableRequest(), cancellationToken: cancellationToken);
                root = (await connection.Auth.AuthenticateAsync(new AuthenticateRequest { Name = "root", Password = "r" }, cancellationToken: cancellationToken)).Token;
                var token = (await connection.Auth.AuthenticateAsync(new AuthenticateRequest { Name = "u0", Password = "p" }, cancellationToken: cancellationToken)).Token;
                return (server.Address, new Credentials(Token: token));
            },
            cancellationToken);
    }

    private async Task InTurn(
        ComparisonTable table,
        string who,
        Server server,
        Func<Task<(string Address, Credentials? Credentials)>> without,
        Func<Task<(string Address, Credentials? Credentials)>> with,
        CancellationToken cancellationToken)
    {
        foreach (var workload in Workloads)
        {
            var figures = (Without: new List<double>(), With: new List<double>());
            for (var round = 0; round < options.Rounds; round++)
            {
                figures.Without.Add(await Measure(await without()));
                figures.With.Add(await Measure(await with()));
            }

            // Of each round's two, which were measured one right after the other: the machine changes its speed in between.
            var ratio = Median.Of(figures.Without.Zip(figures.With, static (without, with) => with / without), static ratio => ratio);
            var (plain, secured) = (Median.Of(figures.Without, static figure => figure), Median.Of(figures.With, static figure => figure));
            table.Row($"{who}{workload}", "F0", Better.More, plain, secured, ratio, isPrincipal: true);

            async Task<double> Measure((string Address, Credentials? Credentials) target)
            {
                var result = await LoadRun.Run(
                    new LoadOptions
                    {
                        Endpoints = [new Uri(target.Address)],
                        Credentials = target.Credentials,
                        Workload = workload,
                        Clients = Clients,
                        Keys = _keys,
                        Warmup = options.Warmup,
                        Duration = options.Duration,
                        ServerProcessId = server.ProcessId,
                    },
                    cancellationToken);
                await Console.Error.WriteLineAsync($"{who}{workload}, {(target.Credentials is null ? "without" : "with")}: {result}");
                return result.Errors == 0 ? result.RequestsPerSecond : throw new InvalidOperationException($"{result.Errors} calls failed: {result}");
            }
        }
    }

    // Ten keys to a permission, and the key behind them to nobody: no two permissions touch.
    private async Task SetUp(Uri endpoint, CancellationToken cancellationToken)
    {
        using var connection = new Connection(endpoint);
        var auth = connection.Auth;
        var perPermission = Keys / (Roles * PermissionsPerRole);
        await AtOnce(Roles, async role =>
        {
            await auth.RoleAddAsync(new AuthRoleAddRequest { Name = $"r{role}" }, cancellationToken: cancellationToken);
            for (var i = 0; i < PermissionsPerRole; i++)
            {
                var first = ((role * PermissionsPerRole) + i) * perPermission;
                await auth.RoleGrantPermissionAsync(
                    new AuthRoleGrantPermissionRequest
                    {
                        Name = $"r{role}",
                        Perm = new Permission
                        {
                            PermType = Permission.Types.Type.Readwrite,
                            Key = _keys.Key(first),
                            RangeEnd = ByteString.CopyFrom([.. _keys.Key(first + perPermission - 1).Span, 0]),
                        },
                    },
                    cancellationToken: cancellationToken);
            }
        });
        await AtOnce(Users, async user =>
        {
            await auth.UserAddAsync(new AuthUserAddRequest { Name = $"u{user}", Password = "p" }, cancellationToken: cancellationToken);
            for (var role = 0; role < (user == 0 ? Roles : 1); role++)
            {
                await auth.UserGrantRoleAsync(new AuthUserGrantRoleRequest { User = $"u{user}", Role = $"r{(user + role) % Roles}" }, cancellationToken: cancellationToken);
            }
        });
        await auth.UserAddAsync(new AuthUserAddRequest { Name = "root", Password = "r" }, cancellationToken: cancellationToken);
        await auth.UserGrantRoleAsync(new AuthUserGrantRoleRequest { User = "root", Role = "root" }, cancellationToken: cancellationToken);
    }

    private static async Task AtOnce(int count, Func<int, Task> work)
    {
        var next = -1;
        await Task.WhenAll(Enumerable.Range(0, SettingUpAtOnce).Select(async _ =>
        {
            for (var i = Interlocked.Increment(ref next); i < count; i = Interlocked.Increment(ref next))
            {
                await work(i);
            }
        }));
    }
}
