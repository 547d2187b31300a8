using System.Net;
using Microsoft.AspNetCore.Connections;

namespace Granary.Server.Membership;

/// <summary>
/// A silo's listener that nobody can reach: a single silo has nobody to talk to, and whoever could connect to it could call grains past
/// the facade.
/// </summary>
internal sealed class NoSiloPort : IConnectionListenerFactory
{
    /// <summary>Puts it in the place of every listener that Orleans would open.</summary>
    public static void Use(IServiceCollection services)
    {
        // Their keys are known to Orleans alone.
        var listeners = services.Where(static service => service.IsKeyedService && service.ServiceType == typeof(IConnectionListenerFactory)).ToList();
        if (listeners.Count == 0)
        {
            throw new InvalidOperationException("Orleans has no listeners to be replaced: its silo would open a port.");
        }

        foreach (var listener in listeners)
        {
            services.Remove(listener);
            services.AddKeyedSingleton<IConnectionListenerFactory, NoSiloPort>(listener.ServiceKey);
        }
    }

    public ValueTask<IConnectionListener> BindAsync(EndPoint endpoint, CancellationToken cancellationToken = default) => new(new Nobody(endpoint));

    private sealed class Nobody(EndPoint endpoint) : IConnectionListener
    {
        private readonly TaskCompletionSource<ConnectionContext?> _unbound = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public EndPoint EndPoint => endpoint;

        public ValueTask<ConnectionContext?> AcceptAsync(CancellationToken cancellationToken = default) => new(_unbound.Task.WaitAsync(cancellationToken));

        public ValueTask UnbindAsync(CancellationToken cancellationToken = default)
        {
            _unbound.TrySetResult(null);
            return default;
        }

        public ValueTask DisposeAsync() => UnbindAsync();
    }
}
