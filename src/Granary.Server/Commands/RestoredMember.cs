using System.CommandLine;
using Granary.Server.Configuration;

namespace Granary.Server.Commands;

/// <summary>
/// The flags of etcdutl's restore that say who the restored member is. A data directory of Granary holds nothing of it: the server is told
/// at each start. So they are checked as etcdutl checks them, and named in the command that serves the directory.
/// </summary>
internal sealed class RestoredMember
{
    private const string DefaultName = "default";
    private const string DefaultUrl = "http://localhost:2380";

    private readonly Option<string> _name = new("--name") { Description = "Name of the member, for `granary serve --name`.", HelpName = "NAME", DefaultValueFactory = static _ => DefaultName };
    private readonly Option<string> _cluster = new("--initial-cluster")
    {
        Description = "NAME=URL of the one member that there is.",
        HelpName = "NAME=URL,...",
        DefaultValueFactory = static _ => $"{DefaultName}={DefaultUrl}",
    };

    private readonly Option<string> _urls = new("--initial-advertise-peer-urls")
    {
        Description = "By which URLs other members would reach this one; as in --initial-cluster.",
        HelpName = "URL,...",
        DefaultValueFactory = static _ => DefaultUrl,
    };

    // Each restore founds a cluster with an id of its own, whatever its token.
    private readonly Option<string> _token = new("--initial-cluster-token") { Description = "Taken for etcdutl's sake: each restore founds a cluster of its own.", HelpName = "TOKEN" };
    private readonly Option<string> _walDirectory = new("--wal-dir") { Description = "Taken for etcdutl's sake: the log is in the data directory.", HelpName = "DIR", Hidden = true };
    private readonly Option<ulong> _mapSize = new("--initial-memory-map-size") { Description = "Taken for etcdutl's sake; has no meaning here.", Hidden = true };

    public void AddTo(Command command)
    {
        foreach (var option in (Option[])[_name, _cluster, _urls, _token, _walDirectory, _mapSize])
        {
            command.Options.Add(option);
        }
    }

    /// <summary>Checks the flags; returns what of them the command that serves the directory is to be given.</summary>
    /// <exception cref="SettingsException">They contradict each other, or name members that there can't be.</exception>
    public string Check(ParseResult parsed)
    {
        var name = parsed.GetValue(_name)!;
        var cluster = parsed.GetValue(_cluster)!;
        var advertised = parsed.GetValue(_urls)!;
        var members = cluster.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries)
            .Select(entry => entry.Split('=', 2) is [var member, var url]
                ? (Member: member, Url: url)
                : throw new SettingsException($"--initial-cluster: \"{entry}\" is not NAME=URL"))
            .ToLookup(static entry => entry.Member, static entry => entry.Url.TrimEnd('/'));
        if (!members.Contains(name))
        {
            throw new SettingsException($"couldn't find local name \"{name}\" in the initial cluster configuration");
        }

        if (members.Count > 1)
        {
            throw new SettingsException(
                $"--initial-cluster names {members.Count} members, and a store of Granary has one: name {name} alone, and restore in one place only");
        }

        var urls = advertised.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries).Select(static url => url.TrimEnd('/'));
        if (!members[name].Order(StringComparer.Ordinal).SequenceEqual(urls.Order(StringComparer.Ordinal)))
        {
            throw new SettingsException($"--initial-cluster has {cluster} but missing from --initial-advertise-peer-urls={advertised}");
        }

        if (parsed.GetValue(_walDirectory) is { } directory)
        {
            Console.Error.WriteLine($"granary: warning: --wal-dir {directory} has no meaning here: the log is made in the data directory, as the folder log");
        }

        return (name == DefaultName ? "" : $" --name {name}") + (advertised == DefaultUrl ? "" : $" --initial-advertise-peer-urls {advertised}");
    }
}
