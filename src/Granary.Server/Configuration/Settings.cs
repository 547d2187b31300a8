using System.Collections;
using System.Security.Authentication;
using YamlDotNet.Core;
using YamlDotNet.Serialization;

namespace Granary.Server.Configuration;

/// <summary>
/// Makes the options out of flags and environment, or out of a configuration file, which then is the only source.
/// Setting one thing by flag and by environment is an error: nobody could tell which one holds.
/// </summary>
internal static class Settings
{
    private const string ConfigFileVariable = "ETCD_CONFIG_FILE";

    private const string ClientSecuritySection = "client-transport-security";

    private const string PeerSecuritySection = "peer-transport-security";

    private const string TracingSwitch = "enable-distributed-tracing";

    private static readonly Flag LogFormatFlag = Flags.Effective.Single(static flag => flag.Name == "log-format");

    /// <param name="flags">Flags as given, by name.</param>
    /// <param name="configFile">The file, if one was named by flag.</param>
    /// <param name="environment">The environment's variables.</param>
    /// <param name="warn">Told what was not understood but does no harm.</param>
    /// <exception cref="SettingsException">A setting cannot be used.</exception>
    public static ServerOptions Read(
        IReadOnlyDictionary<string, string> flags, string? configFile, IDictionary environment, Action<string> warn)
    {
        configFile ??= NamedIn(environment, ConfigFileVariable);

        // Who is refused has one line to read.
        var warnings = new List<string>();
        var values = configFile is null ? FromFlagsAndEnvironment(flags, environment, warnings.Add) : FromFile(configFile, flags, warnings.Add);
        var options = Apply(values);
        warnings.ForEach(warn);
        return options;
    }

    /// <summary>The form of the log, as far as that can be told while nothing else is read yet.</summary>
    /// <param name="flag">What the flag says, if it is given.</param>
    /// <param name="configFile">The file, if one was named by flag.</param>
    /// <param name="environment">The environment's variables.</param>
    public static LogFormat LogFormatOf(string? flag, string? configFile, IDictionary environment)
    {
        var given = flag ?? NamedIn(environment, LogFormatFlag.EnvironmentVariable);
        try
        {
            if ((configFile ?? NamedIn(environment, ConfigFileVariable)) is { } file)
            {
                given = Entries(file).GetValueOrDefault(LogFormatFlag.Name)?.ToString();
            }
        }
        catch (SettingsException)
        {
            // Nobody knows what it would have said.
        }

        try
        {
            return given is null ? LogFormat.Text : LogFormatFlag.Apply(new ServerOptions(), given).LogFormat;
        }
        catch (FormatException)
        {
            return LogFormat.Text;
        }
    }

    /// <summary>Refuses what no flag is named.</summary>
    /// <exception cref="SettingsException">One of them is none.</exception>
    public static void CheckNames(IEnumerable<string> names)
    {
        foreach (var name in names)
        {
            if (!Flags.Effective.Any(flag => flag.Name == name))
            {
                throw new SettingsException($"'{name}' is not a setting: granary --help lists the flags, whose names are those without the dashes");
            }
        }
    }

    private static string? NamedIn(IDictionary environment, string variable) => environment[variable] as string is { Length: > 0 } value ? value : null;

    private static List<Setting> FromFlagsAndEnvironment(
        IReadOnlyDictionary<string, string> flags, IDictionary environment, Action<string> warn)
    {
        var settings = new List<Setting>();
        foreach (var flag in Flags.Effective)
        {
            if (Find(flag.Name, flag.EnvironmentVariable) is var (value, source))
            {
                settings.Add(new Setting(flag, value, source));
            }
        }

        foreach (var flag in EtcdFlags.All.Where(static flag => !flag.IsInFilesOnly))
        {
            if (Find(flag.Name, flag.EnvironmentVariable) is ({ Length: > 0 } value, var source))
            {
                flag.Check(value, source);
                warn($"{source} has no meaning here and is ignored");
            }
        }

        var known = Flags.Effective.Select(static flag => flag.EnvironmentVariable).Concat(EtcdFlags.All.Select(static flag => flag.EnvironmentVariable)).ToHashSet();
        foreach (string variable in environment.Keys)
        {
            if (variable.StartsWith("ETCD_", StringComparison.Ordinal) && variable != ConfigFileVariable && !known.Contains(variable))
            {
                warn($"environment variable {variable} has no meaning here and is ignored");
            }
        }

        return settings;

        (string Value, string Source)? Find(string name, string variable)
        {
            var fromEnvironment = NamedIn(environment, variable);
            if (!flags.TryGetValue(name, out var given))
            {
                return fromEnvironment is null ? null : (fromEnvironment, variable);
            }

            return fromEnvironment is null
                ? (given, $"--{name}")
                : throw new SettingsException($"conflicting environment variable {variable} is shadowed by --{name}: unset one of the two");
        }
    }

    private static List<Setting> FromFile(string path, IReadOnlyDictionary<string, string> flags, Action<string> warn)
    {
        if (flags.Count > 0)
        {
            warn($"{path} is the only source of settings: all other flags are ignored");
        }

        var settings = new List<Setting>();
        foreach (var (name, value) in Entries(path).SelectMany(Opened))
        {
            var texts = Texts($"{path}: {name}", value).ToList();
            if (Flags.Effective.FirstOrDefault(flag => flag.Name == name) is { } flag)
            {
                settings.AddRange(texts.Select(text => new Setting(flag, text.Value, text.Source)));
            }
            else if (EtcdFlags.ByName.TryGetValue(name, out var etcdFlag))
            {
                texts.ForEach(text => etcdFlag.Check(text.Value, text.Source));
                if (texts.Count > 0)
                {
                    warn($"{path}: {name} has no meaning here and is ignored");
                }
            }
            else
            {
                throw new SettingsException($"{path}: there is no setting \"{name}\"; granary serve --help lists them");
            }
        }

        return settings;
    }

    // What secures connections has sections of its own, whose entries are named as the flags are, but for where those speak of peers.
    private static IEnumerable<KeyValuePair<string, object?>> Opened(KeyValuePair<string, object?> entry) =>
        entry.Key is not (ClientSecuritySection or PeerSecuritySection) ? [entry]
        : entry.Value is IDictionary<object, object?> section ? section.Select(inner => KeyValuePair.Create(FlagOf(entry.Key, inner.Key.ToString()!), inner.Value))
        : entry.Value is null or "" or "false" ? []
        : throw new SettingsException($"{entry.Key} is a section: its settings stand below it");

    private static string FlagOf(string section, string name) =>
        section == ClientSecuritySection ? name
        : name.StartsWith("allowed-", StringComparison.Ordinal) ? $"peer-cert-{name}"
        : $"peer-{name}";

    private static Dictionary<string, object?> Entries(string path)
    {
        try
        {
            return new DeserializerBuilder().Build().Deserialize<Dictionary<string, object?>?>(File.ReadAllText(path)) ?? [];
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new SettingsException($"cannot read the configuration file {path}: {exception.Message}");
        }
        catch (YamlException exception)
        {
            throw new SettingsException($"{path}, line {exception.Start.Line}: {exception.InnerException?.Message ?? exception.Message}");
        }
    }

    /// <summary>What is set at a place in a file: nothing where nothing stands behind the name, each entry of a section.</summary>
    private static IEnumerable<(string Value, string Source)> Texts(string source, object? value) => value switch
    {
        null or "" => [],
        IDictionary<object, object?> section => section.SelectMany(entry => Texts($"{source}.{entry.Key}", entry.Value)),
        IEnumerable<object> list => Texts(source, string.Join(',', list)),
        _ => [(value.ToString()!, source)],
    };

    private static ServerOptions Apply(List<Setting> settings)
    {
        var options = new ServerOptions();
        foreach (var setting in settings)
        {
            try
            {
                options = setting.Flag.Apply(options, setting.Value);
            }
            catch (FormatException exception)
            {
                throw new SettingsException($"{setting.Source}: {exception.Message}");
            }
        }

        if (settings.Exists(setting => setting.Flag.Name == "listen-client-urls")
            && !settings.Exists(setting => setting.Flag.Name == "advertise-client-urls"))
        {
            throw new SettingsException("--advertise-client-urls is required when --listen-client-urls is set explicitly");
        }

        CheckTls(options);
        if (options.Engine == Engine.Postgres)
        {
            CheckPeerTls(options);
        }
        else if (settings.Find(static setting => setting.Flag.Name.StartsWith("peer-", StringComparison.Ordinal) && setting.Value is not "false") is { } peers)
        {
            throw new SettingsException($"{peers.Source}: asks for TLS between members, and without --engine=postgres there is but one: leave it out");
        }

        options = WithPostgres(options);
        try
        {
            options = options with { AutoCompaction = Flags.AutoCompaction(options.AutoCompactionMode, options.AutoCompactionRetention) };
        }
        catch (FormatException exception)
        {
            throw new SettingsException($"auto-compaction-retention: {exception.Message}");
        }

        var traces = settings.LastOrDefault(setting => setting.Flag.Name.EndsWith(TracingSwitch, StringComparison.Ordinal));
        return traces is not null && FlagValues.Bool(traces.Value) ? options : options with { Tracing = null };
    }

    // etcd waits five seconds and two elections for what it cannot know sooner, and asks for as many signs of life in the time of one.
    private static ServerOptions WithPostgres(ServerOptions options)
    {
        var postgres = options.Postgres;
        if (options.Engine == Engine.Postgres && postgres.ConnectionString.Length == 0)
        {
            throw new SettingsException("--engine=postgres needs --postgres, or GRANARY_POSTGRES: the connection string of the database");
        }

        if (options.Engine != Engine.Postgres && postgres.ConnectionString.Length > 0)
        {
            throw new SettingsException("--postgres is for --engine=postgres: without it the log would be in the data directory");
        }

        if (postgres.LeaseTime < 5 * postgres.HeartbeatInterval)
        {
            throw new SettingsException(
                $"--election-timeout[{postgres.LeaseTime.TotalMilliseconds}ms] should be at least as 5 times as --heartbeat-interval[{postgres.HeartbeatInterval.TotalMilliseconds}ms]");
        }

        if (postgres.LeaseTime > TimeSpan.FromSeconds(50))
        {
            throw new SettingsException($"--election-timeout[{postgres.LeaseTime.TotalMilliseconds}ms] is too long, and should be set less than 50000ms");
        }

        return options with { Postgres = postgres with { ProofTimeout = TimeSpan.FromSeconds(5) + (2 * postgres.LeaseTime) } };
    }

    private static void CheckTls(ServerOptions options)
    {
        var tls = options.Tls;
        var secure = options.AllListenUrls.FirstOrDefault(static url => url.IsSecure);
        MustBelongTogether(tls.CertificateFile, tls.KeyFile, "");

        if (secure is not null && !tls.HasCertificate && !tls.AutoTls)
        {
            throw new SettingsException($"cannot listen on {secure} without a certificate: name one by --cert-file and --key-file, or have one made by --auto-tls");
        }

        if (tls.ClientCertAuth && tls.TrustedCaFile is null)
        {
            throw new SettingsException("--client-cert-auth needs --trusted-ca-file: whose clients are to be let in");
        }

        if (tls.Protocols == SslProtocols.None)
        {
            throw new SettingsException("--tls-max-version is older than --tls-min-version");
        }

        if (tls.CipherSuites.Count > 0 && tls.MinVersion == SslProtocols.Tls13)
        {
            throw new SettingsException("--cipher-suites chooses among those of TLS 1.2, which --tls-min-version=TLS1.3 does not speak: leave one of the two out");
        }
    }

    private static void CheckPeerTls(ServerOptions options)
    {
        var tls = options.PeerTls;
        MustBelongTogether(tls.CertificateFile, tls.KeyFile, "peer-");
        MustBelongTogether(tls.ClientCertificateFile, tls.ClientKeyFile, "peer-client-");

        if (tls.ClientCertAuth && tls.TrustedCaFile is null)
        {
            throw new SettingsException("--peer-client-cert-auth needs --peer-trusted-ca-file: whose members are to be let in");
        }

        if (options.ListenPeerUrls.FirstOrDefault(static url => url.IsSecure) is { } secure && !tls.HasCertificate && !tls.AutoTls)
        {
            throw new SettingsException(
                $"cannot listen on {secure} without a certificate: name one by --peer-cert-file and --peer-key-file, or have one made by --peer-auto-tls");
        }

        if ((tls.HasCertificate || tls.AutoTls) && options.ListenPeerUrls.All(static url => !url.IsSecure))
        {
            throw new SettingsException($"--peer-… asks for TLS between members, and {options.ListenPeerUrls[0]} does not speak it: listen for peers at https://");
        }
    }

    private static void MustBelongTogether(string? certificateFile, string? keyFile, string prefix)
    {
        if ((certificateFile is null) != (keyFile is null))
        {
            throw new SettingsException($"--{prefix}cert-file and --{prefix}key-file belong together: name both");
        }
    }

    /// <param name="Flag">What is set.</param>
    /// <param name="Value">To what.</param>
    /// <param name="Source">Where it was said, for messages.</param>
    private sealed record Setting(Flag Flag, string Value, string Source);
}
