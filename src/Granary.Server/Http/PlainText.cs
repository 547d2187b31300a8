using System.Text;

namespace Granary.Server.Http;

/// <summary>Answers for people and scripts.</summary>
internal static class PlainText
{
    public const string Type = "text/plain; charset=utf-8";

    public static Task NotFound(HttpContext context) => Write(context, StatusCodes.Status404NotFound, "404 page not found\n");

    /// <summary>Whether the request may only be a GET and is one; otherwise it has been refused.</summary>
    public static async ValueTask<bool> IsGet(HttpContext context)
    {
        if (HttpMethods.IsGet(context.Request.Method))
        {
            return true;
        }

        context.Response.Headers.Allow = HttpMethods.Get;
        await Write(context, StatusCodes.Status405MethodNotAllowed, "Method Not Allowed\n");
        return false;
    }

    public static Task Write(HttpContext context, int status, string text, string type = Type)
    {
        context.Response.StatusCode = status;
        context.Response.ContentType = type;
        context.Response.Headers.XContentTypeOptions = "nosniff";
        context.Response.ContentLength = Encoding.UTF8.GetByteCount(text);
        return HttpMethods.IsHead(context.Request.Method) ? Task.CompletedTask : context.Response.WriteAsync(text, context.RequestAborted);
    }
}
