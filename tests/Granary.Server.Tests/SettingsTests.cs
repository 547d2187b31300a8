using System.Text.RegularExpressions;
using Granary.Server.Configuration;
using Granary.Testing;

namespace Granary.Server.Tests;

/// <summary>What becomes of etcd's flags: each is taken, ignored or refused, wherever it is set, as the reference says.</summary>
public sealed partial class SettingsTests : IDisposable
{
    // Those that etcd 3.5, which is asked for its own, does not name in its help; from the sources of the versions.
    private const string OfOtherVersions =
        """
        backend-bbolt-freelist-type bootstrap-defrag-threshold-megabytes cluster-active-size cluster-remove-delay cluster-sync-interval
        compact-hash-check-time compaction-batch-limit compaction-sleep-interval config corrupt-check-time debug discovery-cacert discovery-cert
        discovery-dial-timeout discovery-endpoints discovery-insecure-skip-tls-verify discovery-insecure-transport discovery-keepalive-time
        discovery-keepalive-timeout discovery-key discovery-password discovery-request-timeout discovery-token discovery-user
        distributed-tracing-address distributed-tracing-instance-id distributed-tracing-sampling-rate distributed-tracing-service-name
        downgrade-check-time enable-distributed-tracing experimental-backend-bbolt-freelist-type experimental-snapshot-catchup-entries
        experimental-max-learners experimental-warning-unary-request-duration feature-gates force log-format log-output log-package-levels max-learners max-result-buffer
        max-retry-attempts memory-mlock next-cluster-version-compatible peer-election-timeout peer-heartbeat-interval
        peer-skip-client-san-verification retry-interval snapshot snapshot-catchup-entries v vv warning-apply-duration
        warning-unary-request-duration watch-progress-notify-interval
        """;

    private static readonly string[] OfThePrograms = ["config-file", "version", "help"];

    private readonly string _file = Path.Combine(Directory.CreateTempSubdirectory("granary-settings-").FullName, "etcd.yml");

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    /// <summary>The ways to set something.</summary>
    public enum Source
    {
        Flag,
        Environment,
        File,
    }

    public void Dispose() => Directory.Delete(Path.GetDirectoryName(_file)!, recursive: true);

    [Fact]
    public async Task Every_flag_that_etcd_names_in_its_help_is_known()
    {
        var help = await Tool.End(Tool.Start(EtcdBinaries.Etcd, ["--help"]), Stop);
        var named = HelpedFlag().Matches(help.All).Select(match => match.Groups[1].Value).ToList();
        Assert.True(named.Count > 100, help.All);
        Assert.Empty(named.Concat(OfOtherVersions.Split([' ', '\n', '\r'], StringSplitOptions.RemoveEmptyEntries)).Except(Known()));
    }

    [Fact]
    public void A_store_with_too_little_memory_is_refused()
    {
        var refused = Assert.Throws<SettingsException>(() => Read(Source.Flag, "store-memory-bytes", "12582911"));
        Assert.Contains("is too little: the store needs 12582912 bytes", refused.Message, StringComparison.Ordinal);
        Assert.Equal(12582912, Read(Source.Flag, "store-memory-bytes", "12582912").Options.StoreMemoryBytes);
    }

    [Fact]
    public async Task The_reference_says_of_each_flag_what_becomes_of_it()
    {
        var reference = (await File.ReadAllLinesAsync(Path.Combine(Repository.Root, "silo-config", "flags.md"), Stop))
            .Select(line => line.Split('|'))
            .Where(cells => cells.Length > 3)
            .SelectMany(cells => ReferredFlag().Matches(cells[1]).Select(match => (Name: match.Groups[1].Value, Fate: cells[2].Trim())))
            .ToList();
        var actual = OfThePrograms.Select(name => (name, "taken"))
            .Concat(Flags.Effective.Where(flag => !flag.IsOwn).Select(flag => (flag.Name, "taken")))
            .Concat(EtcdFlags.All.Select(flag => (flag.Name, flag.Objection is null ? "ignored" : "refused")));
        Assert.Equal(actual.Order(), reference.Order());
    }

    [Theory]
    [InlineData("initial-cluster", "a=http://10.0.0.1:2380,b=http://10.0.0.2:2380,c=http://10.0.0.3:2380", "names 3 members (a, b, c)")]
    [InlineData("initial-cluster-state", "existing", "asks to join a cluster")]
    [InlineData("initial-cluster-state", "other", "neither new nor existing")]
    [InlineData("force-new-cluster", "true", "granary snapshot restore")]
    [InlineData("force-new-cluster", "perhaps", "neither true nor false")]
    [InlineData("discovery", "https://discovery.etcd.io/1", "who the members of the cluster are")]
    [InlineData("discovery-srv", "example.com", "who the members of the cluster are")]
    [InlineData("proxy", "on", "asks for a proxy")]
    [InlineData("enable-v2", "true", "version 2")]
    [InlineData("experimental-enable-v2v3", "/v2", "version 2")]
    [InlineData("peer-auto-tls", "true", "asks for TLS between members")]
    [InlineData("experimental-enable-lease-checkpoint", "true", "remaining times of leases")]
    [InlineData("feature-gates", "InitialCorruptCheck=true,LeaseCheckpoint=true", "remaining times of leases")]
    [InlineData("feature-gates", "AllAlpha=true", "remaining times of leases")]
    [InlineData("feature-gates", "Teleport=true", "no feature \"Teleport\"")]
    [InlineData("feature-gates", "CompactHashCheck", "neither true nor false")]
    public void What_asks_for_another_system_is_refused_wherever_it_is_set(string name, string value, string reason)
    {
        foreach (var source in Enum.GetValues<Source>())
        {
            var refused = Assert.Throws<SettingsException>(() => Read(source, name, value));
            Assert.StartsWith(SourceOf(source, name), refused.Message, StringComparison.Ordinal);
            Assert.Contains(reason, refused.Message, StringComparison.Ordinal);
            Assert.DoesNotContain('\n', refused.Message);
        }
    }

    [Theory]
    [InlineData("initial-cluster", "one=http://10.0.0.1:2380,one=http://10.0.0.2:2380")]
    [InlineData("initial-cluster-state", "new")]
    [InlineData("force-new-cluster", "false")]
    [InlineData("proxy", "off")]
    [InlineData("enable-v2", "false")]
    public void A_value_that_asks_for_nothing_of_the_kind_is_ignored_and_told_of(string name, string value)
    {
        foreach (var source in Enum.GetValues<Source>())
        {
            Assert.StartsWith(SourceOf(source, name), Assert.Single(Read(source, name, value).Warnings), StringComparison.Ordinal);
        }
    }

    [Theory]
    [InlineData("StopGRPCServiceOnDefrag=true, InitialCorruptCheck=true,LeaseCheckpoint=false,PriorityRequest=true", true)]
    [InlineData("InitialCorruptCheck=false", false)]
    [InlineData("AllBeta=true", false)]
    public void Features_are_switched_by_their_names_in_etcd(string value, bool isOn)
    {
        foreach (var source in Enum.GetValues<Source>())
        {
            var (options, warnings) = Read(source, "feature-gates", value);
            Assert.Equal(isOn, options.InitialCorruptCheck);
            Assert.Empty(warnings);
        }
    }

    [Fact]
    public void What_has_no_effect_is_ignored_and_told_of_whatever_its_value()
    {
        foreach (var flag in EtcdFlags.All.Where(flag => flag.Objection is null))
        {
            foreach (var source in Enum.GetValues<Source>().Where(source => !flag.IsInFilesOnly || source == Source.File))
            {
                Assert.StartsWith(SourceOf(source, flag.Name), Assert.Single(Read(source, flag.Name, "10").Warnings), StringComparison.Ordinal);
            }
        }
    }

    [Fact]
    public void An_empty_value_is_none()
    {
        foreach (var flag in EtcdFlags.All.Where(flag => !flag.IsInFilesOnly))
        {
            foreach (var source in Enum.GetValues<Source>())
            {
                Assert.Empty(Read(source, flag.Name, "").Warnings);
            }
        }
    }

    [Fact]
    public void A_flag_without_effect_and_its_environment_variable_together_are_an_error_as_well() => Assert.Throws<SettingsException>(() => Settings.Read(
        new Dictionary<string, string> { ["snapshot-count"] = "1" }, null, new Dictionary<string, string> { ["ETCD_SNAPSHOT_COUNT"] = "1" }, static _ => { }));

    [Fact]
    public void A_file_that_spells_out_etcds_defaults_is_taken()
    {
        var (options, warnings) = ReadFile(
            """
            name: 'one'
            data-dir:
            cors:
            discovery:
            discovery-fallback: 'proxy'
            initial-cluster:
            initial-cluster-state: 'new'
            force-new-cluster: false
            proxy: 'off'
            proxy-failure-wait: 5000
            cipher-suites: []
            log-outputs: [stderr]
            client-transport-security:
              cert-file:
              client-cert-auth: false
              auto-tls: False
            peer-transport-security:
              allowed-cn:
            socket-options:
              reuse-port: true
            """);
        Assert.Equal(("one", "one.granary"), (options.Name, options.EffectiveDataDirectory));
        Assert.Equal(["*"], options.CorsOrigins);
        Assert.Equal(
            ["discovery-fallback", "initial-cluster-state", "force-new-cluster", "proxy", "proxy-failure-wait", "log-outputs", "socket-options"],
            warnings.Select(warning => warning.Split(' ')[1]));
    }

    [Theory]
    [InlineData("client-transport-security:\n  cert-file: server.crt", "--cert-file and --key-file belong together")]
    [InlineData("peer-transport-security:\n  tls: true", "there is no setting \"peer-tls\"")]
    [InlineData("client-transport-security:\n  tls: true", "there is no setting \"tls\"")]
    [InlineData("peer-transport-security:\n  allowed-cn: [a, b]", "asks for TLS between members")]
    [InlineData("discovery-config:\n  endpoints: [http://10.0.0.1:2379]", "discovery-config.endpoints: asks others")]
    [InlineData("discovery-configuration:", "there is no setting \"discovery-configuration\"")]
    public void A_section_of_a_file_that_asks_for_another_system_is_refused(string yaml, string reason) =>
        Assert.Contains(reason, Assert.Throws<SettingsException>(() => ReadFile(yaml)).Message, StringComparison.Ordinal);

    private static IEnumerable<string> Known() =>
        OfThePrograms.Concat(Flags.Effective.Select(flag => flag.Name)).Concat(EtcdFlags.All.Where(flag => !flag.IsInFilesOnly).Select(flag => flag.Name));

    private string SourceOf(Source source, string name) => source switch
    {
        Source.Flag => $"--{name}",
        Source.Environment => Flag.VariableOf("ETCD_", name),
        _ => $"{_file}: {name}",
    };

    private (ServerOptions Options, List<string> Warnings) Read(Source source, string name, string value)
    {
        var warnings = new List<string>();
        return source switch
        {
            Source.Flag => (Settings.Read(new Dictionary<string, string> { [name] = value }, null, new Dictionary<string, string>(), warnings.Add), warnings),
            Source.Environment => (Settings.Read(
                new Dictionary<string, string>(), null, new Dictionary<string, string> { [Flag.VariableOf("ETCD_", name)] = value }, warnings.Add), warnings),
            _ => ReadFile($"{name}: '{value}'"),
        };
    }

    private (ServerOptions Options, List<string> Warnings) ReadFile(string yaml)
    {
        var warnings = new List<string>();
        File.WriteAllText(_file, yaml);
        return (Settings.Read(new Dictionary<string, string>(), _file, new Dictionary<string, string>(), warnings.Add), warnings);
    }

    [GeneratedRegex("^ +--([a-z0-9-]+)", RegexOptions.Multiline)]
    private static partial Regex HelpedFlag();

    [GeneratedRegex("`(?:--)?([a-z0-9-]+)`")]
    private static partial Regex ReferredFlag();
}
