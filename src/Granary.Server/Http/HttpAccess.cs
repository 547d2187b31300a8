using Granary.Server.Configuration;
using Granary.Server.Tls;

namespace Granary.Server.Http;

/// <summary>
/// Who may use HTTP from where: pages of other origins as far as --cors allows, and only under host names that --host-whitelist has,
/// which keeps out pages that had a name of theirs point here.
/// </summary>
internal sealed class HttpAccess(ServerOptions options)
{
    private const string Any = "*";

    private readonly HashSet<string> _origins = [.. options.CorsOrigins];
    private readonly HashSet<string> _hosts = new(options.HostWhitelist, StringComparer.OrdinalIgnoreCase);

    /// <summary>Sets the headers for pages of other origins. True when the request has been answered: it was refused, or it only asked for them.</summary>
    public async ValueTask<bool> Answers(HttpContext context)
    {
        var host = context.Request.Host.Host;
        if (!context.Request.IsHttps && _hosts.Count > 0 && !_hosts.Contains(Any) && !_hosts.Contains(host))
        {
            context.Response.StatusCode = StatusCodes.Status421MisdirectedRequest;
            context.Response.ContentType = PlainText.Type;
            await context.Response.WriteAsync(
                $"The host name \"{host}\" is not one that this server answers to. Name it in --host-whitelist if it should be, or use TLS.\n",
                context.RequestAborted);
            return true;
        }

        // The gateway's calls have no certificate: whoever has one would take themselves for its user.
        if (context.Features.Get<CertificateUser>()?.Name is { Length: > 0 } && context.Request.Path.StartsWithSegments("/v3", StringComparison.Ordinal))
        {
            await PlainText.Write(
                context,
                StatusCodes.Status400BadRequest,
                "CommonName of client sending a request against gateway will be ignored and not used as expected\n");
            return true;
        }

        var origin = context.Request.Headers.Origin.ToString();
        var allowed = _origins.Contains(Any) ? Any : origin.Length > 0 && _origins.Contains(origin) ? origin : null;
        if (allowed is not null)
        {
            var headers = context.Response.Headers;
            headers.AccessControlAllowOrigin = allowed;
            headers.AccessControlAllowMethods = "POST, GET, OPTIONS, PUT, DELETE";
            headers.AccessControlAllowHeaders = "accept, content-type, authorization";
        }

        return HttpMethods.IsOptions(context.Request.Method);
    }
}
