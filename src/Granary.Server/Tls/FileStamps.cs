namespace Granary.Server.Tls;

/// <summary>Tells whether files have changed.</summary>
internal static class FileStamps
{
    /// <summary>A text that is another one when one of the files is. What is behind links counts: Kubernetes exchanges a link to a whole directory.</summary>
    public static string Of(params IEnumerable<string?> paths) => string.Join('|', paths.OfType<string>().Select(static path =>
    {
        try
        {
            var file = new FileInfo(path);
            file = file.ResolveLinkTarget(returnFinalTarget: true) as FileInfo ?? file;
            return $"{file.LastWriteTimeUtc.Ticks} {(file.Exists ? file.Length : -1)}";
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            return exception.Message;
        }
    }));
}
