using System.IO.Compression;
using Microsoft.Net.Http.Headers;

namespace Granary.Server.Metrics;

/// <summary>
/// Takes away the empty braces that the exporter puts behind the name of what has no labels: etcd has none, and there are scripts that look for
/// <c>NAME VALUE</c>.
/// </summary>
/// <param name="exporter">Gives out the metrics.</param>
internal sealed class BareNames(RequestDelegate exporter)
{
    private const string Gzip = "gzip";

    public async Task Serve(HttpContext context)
    {
        // The exporter would pack the page, if asked to, before it can be looked at.
        var isPacked = context.Request.GetTypedHeaders().AcceptEncoding.Any(static one => one.Value == Gzip && one.Quality is not 0);
        context.Request.Headers.Remove(HeaderNames.AcceptEncoding);

        var answer = context.Response.Body;
        using var page = new MemoryStream();
        context.Response.Body = page;
        try
        {
            await exporter(context);
        }
        finally
        {
            context.Response.Body = answer;
        }

        var bare = page.GetBuffer().AsMemory(0, WithoutEmptyBraces(page.GetBuffer().AsSpan(0, (int)page.Length)));
        if (!isPacked)
        {
            await answer.WriteAsync(bare, context.RequestAborted);
            return;
        }

        context.Response.Headers.ContentEncoding = Gzip;
        await using var packed = new GZipStream(answer, CompressionLevel.Fastest, leaveOpen: true);
        await packed.WriteAsync(bare, context.RequestAborted);
    }

    /// <summary>Moves the lines together in place; returns how many bytes they are then.</summary>
    internal static int WithoutEmptyBraces(Span<byte> page)
    {
        var written = 0;
        for (var rest = page; !rest.IsEmpty;)
        {
            var line = rest[..(rest.IndexOf((byte)'\n') is >= 0 and var end ? end + 1 : rest.Length)];
            rest = rest[line.Length..];

            // A name has no brace in it: the first one of a line that is no comment opens its labels.
            var braces = line[0] == '#' ? -1 : line.IndexOf((byte)'{');
            if (braces >= 0 && line[braces..].StartsWith("{}"u8))
            {
                line[..braces].CopyTo(page[written..]);
                written += braces;
                line = line[(braces + 2)..];
            }

            line.CopyTo(page[written..]);
            written += line.Length;
        }

        return written;
    }
}
