using Granary.Client;
using Granary.Samples.RateLimiter;

var builder = WebApplication.CreateBuilder(args);
builder.Services.AddGranaryClient(options => options.Endpoints.Add(builder.Configuration["granary"] ?? "http://localhost:2379"));
builder.Services.AddSingleton(services => new LeaseRateLimiter(
    services.GetRequiredService<IGranaryClient>(),
    permits: builder.Configuration.GetValue("permits", 5),
    window: TimeSpan.FromSeconds(builder.Configuration.GetValue("seconds", 10))));

var app = builder.Build();

// Counts the calls of one caller at all processes together.
app.MapGet("/{caller}", async (string caller, LeaseRateLimiter limiter, CancellationToken cancellationToken) =>
    await limiter.TryAcquire(caller, cancellationToken) is { } permit
        ? Results.Text($"permit {permit}\n")
        : Results.Text("too many calls\n", statusCode: StatusCodes.Status429TooManyRequests));
app.Run();
