using Granary.Conformance.Tests.Compatibility;
using Grpc.Core;
using Grpc.Core.Interceptors;

namespace Granary.Conformance.Tests;

/// <summary>The calls of the suite to a server.</summary>
internal static class ServerCalls
{
    extension(Server server)
    {
        /// <summary>By which the tests call it, so that the page of compatibility knows of it.</summary>
        public CallInvoker Calls => server.Channel.Intercept(new CallNoting(server.Product));
    }
}
