using Granary.Server.Gateway;

namespace Granary.Server.Http;

/// <summary>Tells the versions, numbers only: clients take them apart.</summary>
internal static class VersionEndpoint
{
    public static async Task Serve(HttpContext context)
    {
        if (await PlainText.IsGet(context))
        {
            context.Response.ContentType = GatewayErrors.JsonType;
            await context.Response.WriteAsync(
                $$"""{"etcdserver":"{{ProductVersion.Etcd}}","etcdcluster":"{{ProductVersion.EtcdCluster}}","storage":"{{ProductVersion.EtcdStorage}}"}""",
                context.RequestAborted);
        }
    }
}
