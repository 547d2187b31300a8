using Granary.Configuration;
using Granary.Samples.FeatureFlags;
using Microsoft.Extensions.Options;

var builder = WebApplication.CreateBuilder(args);

// The keys below flags/ are the settings of FeatureFlags: flags/Flags/dark-mode is the flag "dark-mode".
builder.Configuration.AddGranary("flags/", builder.Configuration["granary"] ?? "http://localhost:2379");
builder.Services.AddOptions<FeatureFlags>().BindConfiguration("");

var app = builder.Build();
app.MapGet("/", (IOptionsMonitor<FeatureFlags> flags) => flags.CurrentValue.Flags);

// The monitor has the newest flags, without a restart and without asking the store.
app.MapGet("/{flag}", (string flag, IOptionsMonitor<FeatureFlags> flags) => flags.CurrentValue.Flags.GetValueOrDefault(flag));
app.Run();

namespace Granary.Samples.FeatureFlags
{
    internal sealed class FeatureFlags
    {
        public Dictionary<string, bool> Flags { get; init; } = new(StringComparer.OrdinalIgnoreCase);
    }
}
