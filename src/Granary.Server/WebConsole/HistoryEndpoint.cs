using System.Globalization;
using System.Text.Json;
using Granary.Mvcc.Errors;
using Granary.Server.Gateway;
using Granary.Server.Http;
using Granary.Server.Identity;

namespace Granary.Server.WebConsole;

/// <summary>Gives out the last hour as JSON, to who has the role root where authentication is on.</summary>
internal sealed class HistoryEndpoint(History history, RangeRates ranges, Callers callers)
{
    /// <summary>Below /console/.</summary>
    public const string Path = "history";

    /// <summary>
    /// Answers with all samples, or with those behind <c>?after=</c>, a time in milliseconds since 1970: their times, and for each name a value
    /// per sample, null where there was nothing to measure. Then what each range takes now: its first key in base64, reads and writes per second.
    /// Errors are those of the gateway.
    /// </summary>
    public async Task Serve(HttpContext context)
    {
        if (!await PlainText.IsGet(context))
        {
            return;
        }

        context.Response.Headers.CacheControl = "no-store";
        try
        {
            callers.Admin(context.Request.Headers);
        }
        catch (EtcdException exception)
        {
            await GatewayErrors.Write(context.Response, exception.Error.Code, exception.Error.Text);
            return;
        }

        _ = long.TryParse(context.Request.Query["after"], NumberStyles.None, CultureInfo.InvariantCulture, out var after);
        var (times, values) = history.After(after);
        context.Response.ContentType = GatewayErrors.JsonType;
        await using var json = new Utf8JsonWriter(context.Response.BodyWriter);
        json.WriteStartObject();
        json.WriteNumber("intervalMilliseconds", History.Interval.TotalMilliseconds);
        json.WriteStartArray("times");
        foreach (var time in times)
        {
            json.WriteNumberValue(time);
        }

        json.WriteEndArray();
        json.WriteStartObject("series");
        for (var i = 0; i < History.Names.Count; i++)
        {
            json.WriteStartArray(History.Names[i]);
            for (var at = i; at < values.Length; at += History.Names.Count)
            {
                Write(json, values[at]);
            }

            json.WriteEndArray();
        }

        json.WriteEndObject();
        json.WriteStartArray("ranges");
        foreach (var range in ranges.Latest)
        {
            json.WriteStartObject();
            json.WriteBase64String("start", range.Start.Span);
            json.WritePropertyName("reads");
            Write(json, range.Reads);
            json.WritePropertyName("writes");
            Write(json, range.Writes);
            json.WriteEndObject();
        }

        json.WriteEndArray();
        json.WriteEndObject();
        await json.FlushAsync(context.RequestAborted);
    }

    private static void Write(Utf8JsonWriter json, float value)
    {
        if (float.IsNaN(value))
        {
            json.WriteNullValue();
        }
        else
        {
            json.WriteNumberValue(Math.Round((double)value, 3));
        }
    }
}
