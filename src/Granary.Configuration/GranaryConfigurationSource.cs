using Granary.Client;
using Microsoft.Extensions.Configuration;

namespace Granary.Configuration;

/// <summary>Where configuration comes from: the keys below a prefix.</summary>
public sealed class GranaryConfigurationSource : IConfigurationSource
{
    /// <summary>Where the servers are, and how they are called.</summary>
    public GranaryClientOptions Client { get; } = new();

    /// <summary>What the keys begin with, such as <c>config/</c>. What follows is the setting's name, with <c>/</c> or <c>:</c> between its parts.</summary>
    public string Prefix { get; set; } = "";

    /// <summary>
    /// Whether an application starts without it when no server answers. It has the settings then as soon as one does. Else the start fails. What was
    /// read once stays when the servers go away, either way.
    /// </summary>
    public bool IsOptional { get; set; }

    /// <summary>How long a start waits for the servers.</summary>
    public TimeSpan LoadTimeout { get; set; } = TimeSpan.FromSeconds(10);

    /// <summary>
    /// Is told what goes wrong while the application runs: the settings cannot be read, or one who is told of a change throws. They are followed
    /// further. That a connection is lost is no error: what changes meanwhile is told when it is there again.
    /// </summary>
    public Action<Exception>? OnError { get; set; }

    /// <inheritdoc/>
    public IConfigurationProvider Build(IConfigurationBuilder builder) => new GranaryConfigurationProvider(this);
}
