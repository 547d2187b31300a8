using System.IO.Pipelines;
using System.Text.RegularExpressions;
using Microsoft.AspNetCore.Http.Features;

namespace Granary.Server.Gateway;

/// <summary>The gRPC request that a gateway's call makes: as if a client had sent it, but within the process.</summary>
internal sealed partial class InnerRequest : IRequestBodyPipeFeature, IHttpRequestLifetimeFeature, IHttpResetFeature, IDisposable
{
    private const string MetadataPrefix = "Grpc-Metadata-";
    private const string TimeoutHeader = "grpc-timeout";

    private readonly CancellationTokenSource _aborted;

    private InnerRequest(PipeReader body, CancellationToken outerAborted)
    {
        Reader = body;
        _aborted = CancellationTokenSource.CreateLinkedTokenSource(outerAborted);
        RequestAborted = _aborted.Token;
    }

    public PipeReader Reader { get; }

    public CancellationToken RequestAborted { get; set; }

    public void Abort() => _aborted.Cancel();

    public void Reset(int errorCode) => _aborted.Cancel();

    public void Dispose() => _aborted.Dispose();

    /// <summary>Makes the inner context of a call.</summary>
    /// <param name="outer">The HTTP request.</param>
    /// <param name="grpcPath">The method.</param>
    /// <param name="body">The framed messages.</param>
    /// <param name="response">What the method answers into.</param>
    /// <exception cref="MalformedJsonException">The time limit that the client sent is none.</exception>
    public static (HttpContext Context, InnerRequest Request) Create(HttpContext outer, string grpcPath, PipeReader body, InnerResponse response)
    {
        var request = new InnerRequest(body, outer.RequestAborted);
        var features = new FeatureCollection();
        features.Set<IHttpRequestFeature>(new HttpRequestFeature
        {
            Method = HttpMethods.Post,
            Path = grpcPath,
            Protocol = HttpProtocol.Http2,
            Scheme = outer.Request.Scheme,
            Headers = Headers(outer.Request.Headers),
        });
        features.Set<IRequestBodyPipeFeature>(request);
        features.Set<IHttpRequestLifetimeFeature>(request);
        features.Set<IHttpResetFeature>(request);
        features.Set<IHttpResponseFeature>(response);
        features.Set<IHttpResponseBodyFeature>(response);
        features.Set<IHttpResponseTrailersFeature>(response);
        features.Set<IServiceProvidersFeature>(new ServiceProvidersFeature { RequestServices = outer.RequestServices });
        features.Set(outer.Features.Get<IHttpConnectionFeature>());
        return (new DefaultHttpContext(features), request);
    }

    private static HeaderDictionary Headers(IHeaderDictionary outer)
    {
        var headers = new HeaderDictionary { ["content-type"] = "application/grpc", ["te"] = "trailers" };
        foreach (var (name, value) in outer)
        {
            if (name.StartsWith(MetadataPrefix, StringComparison.OrdinalIgnoreCase) && name.Length > MetadataPrefix.Length)
            {
                // What belongs to the protocol is not the client's to say.
                if (name[MetadataPrefix.Length..].ToLowerInvariant() is "content-type" or "te" or ['g', 'r', 'p', 'c', '-', ..])
                {
                    continue;
                }

                headers[name[MetadataPrefix.Length..]] = value;
            }
            else if (name.Equals("Authorization", StringComparison.OrdinalIgnoreCase))
            {
                headers[name] = value;
            }
            else if (name.Equals(TimeoutHeader, StringComparison.OrdinalIgnoreCase))
            {
                headers[TimeoutHeader] = Timeout().IsMatch(value.ToString()) ? value : throw new MalformedJsonException($"invalid grpc-timeout: {value}");
            }
        }

        return headers;
    }

    [GeneratedRegex(@"^\d{1,8}[HMSmun]$")]
    private static partial Regex Timeout();
}
