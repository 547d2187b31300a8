using Microsoft.Net.Http.Headers;

namespace Granary.Server.WebConsole;

/// <summary>One file of the console, as it is and compressed.</summary>
/// <param name="path">Below /console/.</param>
/// <param name="variants">Its bytes, by the coding that they are in; <see cref="Identity"/> is there always.</param>
/// <param name="tag">Names these contents.</param>
internal sealed class ConsoleFile(string path, IReadOnlyDictionary<string, byte[]> variants, string tag)
{
    public const string Identity = "identity";

    // What a browser is to be sent if it takes it, the smallest first.
    private static readonly string[] Codings = ["br", "gzip"];

    private readonly EntityTagHeaderValue _tag = new($"\"{tag}\"");

    public async Task Send(HttpContext context)
    {
        var headers = context.Response.GetTypedHeaders();
        headers.ETag = _tag;
        context.Response.Headers.Vary = HeaderNames.AcceptEncoding;

        // The names of assets have a hash of their contents.
        context.Response.Headers.CacheControl = path.StartsWith(ConsoleEndpoint.Assets, StringComparison.Ordinal) ? "public, max-age=31536000, immutable" : "no-cache";
        if (context.Request.GetTypedHeaders().IfNoneMatch.Any(known => known.Compare(_tag, useStrongComparison: false) || known.Tag == "*"))
        {
            context.Response.StatusCode = StatusCodes.Status304NotModified;
            return;
        }

        var coding = Codings.FirstOrDefault(coding => variants.ContainsKey(coding) && Takes(context.Request, coding)) ?? Identity;
        if (coding != Identity)
        {
            context.Response.Headers.ContentEncoding = coding;
        }

        context.Response.ContentType = TypeOf(path);
        context.Response.ContentLength = variants[coding].Length;
        if (!HttpMethods.IsHead(context.Request.Method))
        {
            await context.Response.Body.WriteAsync(variants[coding], context.RequestAborted);
        }
    }

    private static bool Takes(HttpRequest request, string coding) =>
        request.GetTypedHeaders().AcceptEncoding.Any(taken => taken.Value.Equals(coding, StringComparison.OrdinalIgnoreCase) && taken.Quality is not 0);

    private static string TypeOf(string path) => Path.GetExtension(path) switch
    {
        ".html" => "text/html; charset=utf-8",
        ".js" => "text/javascript; charset=utf-8",
        ".css" => "text/css; charset=utf-8",
        ".svg" => "image/svg+xml",
        _ => "application/octet-stream",
    };
}
