using System.Text;
using System.Text.Json;
using Granary.Protos;
using Granary.Server.Http;
using Microsoft.Extensions.Primitives;

namespace Granary.Server.Health;

/// <summary>Serves /health, /livez and /readyz, and each check of the latter two as a path of its own.</summary>
internal sealed class HealthEndpoints(HealthProbe probe)
{
    private const string Live = "/livez";
    private const string Ready = "/readyz";

    /// <summary>What serves a path, or null.</summary>
    public RequestDelegate? Find(string path) => path switch
    {
        "/health" => ServeHealth,
        Live => context => ServeChecks(context, Live, Of(Live)),
        Ready => context => ServeChecks(context, Ready, Of(Ready)),
        _ => FindOne(path, Live) ?? FindOne(path, Ready),
    };

    private RequestDelegate? FindOne(string path, string prefix) =>
        path.StartsWith(prefix + "/", StringComparison.Ordinal) && Of(prefix).FirstOrDefault(check => check.Name == path[(prefix.Length + 1)..]) is { } one
            ? context => ServeChecks(context, prefix, [one])
            : null;

    private IEnumerable<HealthCheck> Of(string prefix) => probe.Checks.Where(check => check.IsOfLife || prefix == Ready);

    private async Task ServeHealth(HttpContext context)
    {
        if (!await PlainText.IsGet(context))
        {
            return;
        }

        var query = context.Request.Query;
        var reason = await Reason(query["exclude"], query["serializable"] == "true", context.RequestAborted);
        HealthMetrics.Count(reason is null);
        if (reason is null)
        {
            context.Response.ContentType = PlainText.Type;
            await context.Response.WriteAsync("""{"health":"true","reason":""}""", context.RequestAborted);
        }
        else
        {
            await PlainText.Write(
                context,
                StatusCodes.Status503ServiceUnavailable,
                $$"""{"health":"false","reason":"{{JsonEncodedText.Encode(reason)}}"}""" + "\n");
        }
    }

    private async ValueTask<string?> Reason(StringValues excluded, bool serializable, CancellationToken cancellationToken)
    {
        foreach (var alarm in probe.Alarms)
        {
            var name = alarm switch { AlarmType.Nospace => "NOSPACE", AlarmType.Corrupt => "CORRUPT", _ => "UNKNOWN" };
            if (!excluded.Contains(name))
            {
                return $"ALARM {name}";
            }
        }

        return !serializable && probe.Failure is not null ? "RAFT NO LEADER"
            : await probe.Read(serializable, cancellationToken) is { } error ? $"RANGE ERROR:{error}"
            : null;
    }

    private static async Task ServeChecks(HttpContext context, string prefix, IEnumerable<HealthCheck> checks)
    {
        if (!await PlainText.IsGet(context))
        {
            return;
        }

        var excluded = context.Request.Query["exclude"];
        var lines = new StringBuilder();
        var fails = false;
        foreach (var check in checks.Where(check => !excluded.Contains(check.Name)))
        {
            var error = await check.Run(context.RequestAborted);
            HealthMetrics.Count(prefix[1..], check.Name, error is null);
            lines.Append(error is null ? $"[+]{check.Name} ok\n" : $"[-]{check.Name} failed: {error}\n");
            fails |= error is not null;
        }

        if (fails)
        {
            await PlainText.Write(context, StatusCodes.Status503ServiceUnavailable, $"{lines}\n");
        }
        else
        {
            await PlainText.Write(context, StatusCodes.Status200OK, context.Request.Query.ContainsKey("verbose") ? $"{lines}ok\n" : "ok\n");
        }
    }
}
