using Granary.Server.Configuration;
using Granary.Server.Gateway;
using Granary.Server.Http;

namespace Granary.Server.WebConsole;

/// <summary>
/// Serves the console for browsers below /console: files, a few settings and the figures of the last hour. Whatever else it shows and does goes
/// by the gateway, with the rights of whoever has signed in there.
/// </summary>
internal sealed class ConsoleEndpoint
{
    /// <summary>Where the files are whose names change with their contents.</summary>
    public const string Assets = "assets/";

    private const string Root = "/console";
    private const string Index = "index.html";
    private const string HtmlType = "text/html; charset=utf-8";

    // Scripts and styles are files of this server, and so is whatever the page calls: what a value holds never runs.
    private const string Policy =
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; "
        + "frame-ancestors 'none'; base-uri 'none'; form-action 'none'";

    private readonly IReadOnlyDictionary<string, ConsoleFile> _files = ConsoleBundle.Read();
    private readonly HistoryEndpoint? _history;
    private readonly string _settings;
    private readonly string? _missing;

    /// <param name="options">What the console may do.</param>
    /// <param name="history">The last hour, where it is kept.</param>
    public ConsoleEndpoint(ServerOptions options, HistoryEndpoint? history)
    {
        _history = history;
        _settings = $$"""{"readOnly":{{(options.ConsoleReadOnly ? "true" : "false")}},"version":"{{ProductVersion.Granary}}"}""";
        _missing = !options.EnableGrpcGateway ? "The console calls this server by JSON, which is switched off: start it without --enable-grpc-gateway=false."
            : !_files.ContainsKey(Index) ? "This server was built without the console. Install Node.js 20 or newer and npm where it is built, and build it again."
            : null;
    }

    public static bool Owns(string path) => path == Root || path.StartsWith(Root + "/", StringComparison.Ordinal);

    public async Task Serve(HttpContext context)
    {
        var headers = context.Response.Headers;
        headers.ContentSecurityPolicy = Policy;
        headers.XContentTypeOptions = "nosniff";
        headers["Referrer-Policy"] = "no-referrer";
        headers["Cross-Origin-Opener-Policy"] = "same-origin";
        headers["Cross-Origin-Resource-Policy"] = "same-origin";
        var path = context.Request.Path.Value![Root.Length..];
        if (path == "/" + HistoryEndpoint.Path && _history is not null)
        {
            await _history.Serve(context);
            return;
        }

        if (!HttpMethods.IsHead(context.Request.Method) && !await PlainText.IsGet(context))
        {
            return;
        }

        if (path.Length == 0)
        {
            // Relative, so that whatever stands between keeps its own prefix.
            context.Response.StatusCode = StatusCodes.Status308PermanentRedirect;
            headers.Location = "console/";
            return;
        }

        path = path.Length == 1 ? Index : path[1..];
        if (path == Index && _missing is not null)
        {
            await Write(
                context,
                HtmlType,
                $"<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>Granary</title><h1>There is no console here</h1><p>{_missing}</p></html>\n");
        }
        else if (path == "settings.json")
        {
            await Write(context, GatewayErrors.JsonType, _settings);
        }
        else if (_files.TryGetValue(path, out var file))
        {
            await file.Send(context);
        }
        else
        {
            await PlainText.NotFound(context);
        }
    }

    private static Task Write(HttpContext context, string type, string body)
    {
        context.Response.Headers.CacheControl = "no-store";
        return PlainText.Write(context, StatusCodes.Status200OK, body, type);
    }
}
