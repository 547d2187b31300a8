using System.Reflection;
using System.Security.Cryptography;

namespace Granary.Server.WebConsole;

/// <summary>The console's files, which the build has put into this program; none where it was built without npm.</summary>
internal static class ConsoleBundle
{
    private const string Folder = "console/";

    // The ending of a compressed file, and its coding.
    private static readonly (string Ending, string Coding)[] Compressed = [(".br", "br"), (".gz", "gzip")];

    /// <summary>All of them, by their path below /console/.</summary>
    public static IReadOnlyDictionary<string, ConsoleFile> Read()
    {
        var assembly = typeof(ConsoleBundle).Assembly;
        var names = assembly.GetManifestResourceNames().Where(static name => name.StartsWith(Folder, StringComparison.Ordinal)).ToHashSet();
        var files = new Dictionary<string, ConsoleFile>();
        foreach (var name in names.Where(static name => !Array.Exists(Compressed, form => name.EndsWith(form.Ending, StringComparison.Ordinal))))
        {
            var bytes = Bytes(assembly, name);
            var variants = new Dictionary<string, byte[]> { [ConsoleFile.Identity] = bytes };
            foreach (var (ending, coding) in Compressed.Where(form => names.Contains(name + form.Ending)))
            {
                variants.Add(coding, Bytes(assembly, name + ending));
            }

            var path = name[Folder.Length..];
            files.Add(path, new ConsoleFile(path, variants, Convert.ToHexStringLower(SHA256.HashData(bytes).AsSpan(0, 12))));
        }

        return files;
    }

    private static byte[] Bytes(Assembly assembly, string name)
    {
        using var resource = assembly.GetManifestResourceStream(name)!;
        var bytes = new byte[resource.Length];
        resource.ReadExactly(bytes);
        return bytes;
    }
}
