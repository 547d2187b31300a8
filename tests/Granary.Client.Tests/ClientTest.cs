namespace Granary.Client.Tests;

/// <summary>A test of the client against etcd and Granary alike.</summary>
public abstract class ClientTest(BothServers servers)
{
    protected static readonly TimeSpan Generous = TimeSpan.FromSeconds(60);

    protected static CancellationToken Stop => TestContext.Current.CancellationToken;

    /// <summary>What the keys of this test begin with.</summary>
    protected string Prefix { get; } = servers.NewPrefix();

    protected Server Of(Product product) => servers.Of(product);

    protected GranaryClient To(Product product) => new(Of(product).Address);

    protected GranaryClient To(Way way) => way == Way.InCluster ? InClusterServer.Shared!.Client : To(way == Way.Etcd ? Product.Etcd : Product.Granary);

    internal static GranaryClient To(Server server, string user, string password)
    {
        var options = new GranaryClientOptions { UserName = user, Password = password };
        options.Endpoints.Add(server.Address);
        return new GranaryClient(options);
    }
}
