namespace Granary.Testing;

/// <summary>Where the real etcd is that Granary is compared with.</summary>
public static class EtcdBinaries
{
    private static readonly Lazy<string> Folder = new(Find);

    public static string Etcd => Path.Combine(Folder.Value, "etcd");

    public static string Etcdctl => Path.Combine(Folder.Value, "etcdctl");

    public static string Etcdutl => Path.Combine(Folder.Value, "etcdutl");

    private static string Find()
    {
        var named = Environment.GetEnvironmentVariable("GRANARY_ETCD");
        var home = Environment.GetFolderPath(Environment.SpecialFolder.UserProfile);
        var path = Environment.GetEnvironmentVariable("PATH") ?? "";
        return new[] { named, Path.Combine(home, ".cache", "granary", "etcd") }
                .Concat(path.Split(Path.PathSeparator))
                .FirstOrDefault(folder =>
                    !string.IsNullOrEmpty(folder) && File.Exists(Path.Combine(folder, "etcd")) && File.Exists(Path.Combine(folder, "etcdctl")))
            ?? throw new InvalidOperationException(
                "There is no etcd to compare with: run tests/get-etcd once, it finds or unpacks one (tests/run does it for you).");
    }
}
