using System.Globalization;
using Granary.Protos;
using Granary.Server.Import;
using Grpc.Core;
using Spectre.Console;

namespace Granary.Server.Commands;

/// <summary>How all members of a cluster are, in one table.</summary>
internal static class MembersStatus
{
    // Of one member: the others are told of all the same.
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(2);

    /// <summary>The table, or null when there is but one member.</summary>
    public static async Task<Table?> Of(EtcdEndpoint server, Func<string, EndpointOptions> reach, CancellationToken cancellationToken)
    {
        var members = (await server.Cluster.MemberListAsync(new MemberListRequest(), cancellationToken: cancellationToken)).Members;
        if (members.Count < 2)
        {
            return null;
        }

        var rows = await Task.WhenAll(members.OrderBy(static member => member.Name, StringComparer.Ordinal).Select(member => Ask(member, reach, cancellationToken)));
        var newest = rows.Max(static row => (long)(row.Status?.RaftAppliedIndex ?? 0));
        var table = new Table().Border(TableBorder.Rounded).AddColumns("member", "name", "endpoint", "", "term", "index", "behind", "revision", "health");
        foreach (var (member, url, status, trouble) in rows)
        {
            table.AddRow(
                new Text(member.ID.ToString("x", CultureInfo.InvariantCulture)),
                new Text(member.Name),
                new Text(url),
                new Text(status is null ? "" : status.Leader == member.ID ? "leads" : member.IsLearner ? "learns" : "follows"),
                new Text(status?.RaftTerm.ToString(CultureInfo.InvariantCulture) ?? ""),
                new Text(status?.RaftAppliedIndex.ToString(CultureInfo.InvariantCulture) ?? ""),
                new Text(status is null ? "" : (newest - (long)status.RaftAppliedIndex).ToString(CultureInfo.InvariantCulture)),
                new Text(status?.Header.Revision.ToString("N0", CultureInfo.InvariantCulture) ?? ""),
                new Markup(trouble is null ? "[green]well[/]" : $"[red]{Markup.Escape(trouble)}[/]"));
        }

        return table;
    }

    private static async Task<(Protos.Member Member, string Url, StatusResponse? Status, string? Trouble)> Ask(
        Protos.Member member, Func<string, EndpointOptions> reach, CancellationToken cancellationToken)
    {
        if (member.ClientURLs is not [var url, ..])
        {
            return (member, "", null, "not started");
        }

        using var patience = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        patience.CancelAfter(Patience);
        try
        {
            using var one = await EtcdEndpoint.Connect(reach(url), patience.Token);
            var status = await one.Maintenance.StatusAsync(new StatusRequest(), cancellationToken: patience.Token);
            return (member, url, status, status.Errors.Count == 0 ? null : string.Join(", ", status.Errors.Select(static error => error.Trim())));
        }
        catch (RpcException)
        {
            return (member, url, null, "does not answer");
        }
    }
}
