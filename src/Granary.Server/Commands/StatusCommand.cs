using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using Google.Protobuf;
using Granary.Mvcc.Errors;
using Granary.Protos;
using Granary.Server.Configuration;
using Granary.Server.Import;
using Grpc.Core;
using Grpc.Health.V1;
using Spectre.Console;

namespace Granary.Server.Commands;

/// <summary><c>granary status</c>: how a running server is, for people, and by its exit code for scripts and containers.</summary>
internal static class StatusCommand
{
    private const int WidthOfFiles = 200;

    // As long as an orchestrator waits for a health check.
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(5);

    public static Command Create()
    {
        var endpoint = new Option<string>("--endpoint")
        {
            Description = "The server: HOST:PORT or a URL.",
            HelpName = "ENDPOINT",
            DefaultValueFactory = static _ => "localhost:2379",
        };
        var json = new Option<bool>("--json") { Description = "Print JSON." };
        var credentials = new CredentialArguments("the server");
        var command = new Command("status", "Tell how a running server is. The exit code is 0 when it reads, writes and has no alarm, else 1.")
        {
            endpoint, json,
        };
        credentials.AddTo(command);
        command.SetAction((parsed, cancellationToken) => CommandErrors.Run(async () =>
        {
            using var patience = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
            patience.CancelAfter(Patience);
            using var server = await EtcdEndpoint.Connect(credentials.Read(parsed, parsed.GetValue(endpoint)!), patience.Token);
            StatusResponse status;
            try
            {
                status = await server.Maintenance.StatusAsync(new StatusRequest(), cancellationToken: patience.Token);
                await Read(server, status, patience.Token);
            }
            catch (RpcException exception) when (exception.Status.Detail == EtcdError.UserEmpty.Text)
            {
                return await TellAsNobody(server, patience.Token);
            }
            catch (RpcException exception) when (exception.StatusCode is StatusCode.Unavailable or StatusCode.Cancelled && !cancellationToken.IsCancellationRequested)
            {
                throw new SettingsException($"{server.Address} does not answer: {ConnectionFailure.Of(exception)}");
            }

            if (parsed.GetValue(json))
            {
                Console.WriteLine(Json(server.Address, status));
            }
            else
            {
                if (Console.IsOutputRedirected)
                {
                    // A line for each member, for scripts as well.
                    AnsiConsole.Profile.Width = WidthOfFiles;
                }

                AnsiConsole.Write(Table(server.Address, status));
                if (await MembersStatus.Of(server, url => credentials.Read(parsed, url), patience.Token) is { } members)
                {
                    AnsiConsole.Write(members);
                }
            }

            return IsWell(status) ? 0 : 1;
        }));
        return command;
    }

    /// <summary>What a server tells of itself that asks for users: no more than whether calls may be sent there.</summary>
    private static async Task<int> TellAsNobody(EtcdEndpoint server, CancellationToken cancellationToken)
    {
        var health = await server.Health.CheckAsync(new HealthCheckRequest(), cancellationToken: cancellationToken);
        var isServing = health.Status == HealthCheckResponse.Types.ServingStatus.Serving;
        Console.WriteLine($"{server.Address} {(isServing ? "serves" : "does not serve")}, and tells more to its users: --user NAME:PASSWORD");
        return isServing ? 0 : 1;
    }

    /// <summary>Reads a key as clients do, and adds to the errors what comes of it.</summary>
    private static async Task Read(EtcdEndpoint server, StatusResponse status, CancellationToken cancellationToken)
    {
        try
        {
            await server.Kv.RangeAsync(new RangeRequest { Key = ByteString.CopyFromUtf8("health"), KeysOnly = true }, cancellationToken: cancellationToken);
        }
        catch (RpcException exception) when (exception.StatusCode == StatusCode.PermissionDenied)
        {
            // It can tell who may read what, so it reads.
        }
        catch (RpcException exception) when (exception.StatusCode != StatusCode.Cancelled)
        {
            status.Errors.Add($"nothing can be read: {exception.Status.Detail}");
        }
    }

    private static bool IsWell(StatusResponse status) => status.Errors.Count == 0;

    private static Table Table(string address, StatusResponse status)
    {
        var table = new Table().Border(TableBorder.Rounded).HideHeaders().AddColumns("what", "value");
        Row("endpoint", address);
        Row("health", IsWell(status) ? "[green]well[/]" : $"[red]{string.Join("[/]\n[red]", status.Errors.Select(error => Markup.Escape(error.Trim())))}[/]", isMarkup: true);
        Row("member", status.Header.MemberId.ToString("x", CultureInfo.InvariantCulture));
        Row("cluster", status.Header.ClusterId.ToString("x", CultureInfo.InvariantCulture));
        Row("version", $"{status.Version} (storage {status.StorageVersion})");
        Row("revision", status.Header.Revision.ToString("N0", CultureInfo.InvariantCulture));
        Row("term, index", $"{status.RaftTerm}, {status.RaftAppliedIndex}");
        Row("store", $"{ByteSize.Text(status.DbSize)}, of which {ByteSize.Text(status.DbSizeInUse)} in use");
        Row("quota", Quota(status), isMarkup: true);
        return table;

        void Row(string what, string value, bool isMarkup = false) => table.AddRow(new Markup($"[grey]{what}[/]"), isMarkup ? new Markup(value) : new Text(value));
    }

    private static string Quota(StatusResponse status)
    {
        if (status.DbSizeQuota <= 0)
        {
            return "none";
        }

        var share = (double)status.DbSize / status.DbSizeQuota;
        var color = share < 0.6 ? "green" : share < 0.8 ? "yellow" : "red";
        return $"[{color}]{share.ToString("P1", CultureInfo.InvariantCulture)}[/] of {ByteSize.Text(status.DbSizeQuota)}";
    }

    private static string Json(string address, StatusResponse status) => JsonSerializer.Serialize(new
    {
        endpoint = address,
        healthy = IsWell(status),
        errors = status.Errors.Select(error => error.Trim()),
        memberId = status.Header.MemberId.ToString("x", CultureInfo.InvariantCulture),
        clusterId = status.Header.ClusterId.ToString("x", CultureInfo.InvariantCulture),
        version = status.Version,
        storageVersion = status.StorageVersion,
        revision = status.Header.Revision,
        term = status.RaftTerm,
        index = status.RaftAppliedIndex,
        dbSize = status.DbSize,
        dbSizeInUse = status.DbSizeInUse,
        dbSizeQuota = status.DbSizeQuota,
    });
}
