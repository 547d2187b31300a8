using System.Collections.Concurrent;
using System.Globalization;
using System.Net;
using Google.Protobuf;
using Grpc.Core;

namespace Granary.Client.Connections;

/// <summary>
/// Calls with one request and one answer, straight on HTTP/2. That is what almost every call of a client is, and takes less time and garbage than by
/// a library that is made for streams too.
/// </summary>
/// <param name="http">The connections of one server.</param>
/// <param name="address">The server.</param>
internal sealed class UnaryCalls(HttpMessageInvoker http, Uri address) : IDisposable
{
    private readonly ConcurrentDictionary<string, Uri> _uris = new();
    private readonly CancellationTokenSource _closing = new();

    /// <summary>Makes a call.</summary>
    /// <param name="method">Which.</param>
    /// <param name="request">With what.</param>
    /// <param name="headers">Sent with it.</param>
    /// <param name="timeout">How long it may take.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <exception cref="RpcException">There is no answer, or it is an error. If the wire has failed, the status has the exception.</exception>
    public async Task<TResponse> Call<TRequest, TResponse>(
        UnaryMethod<TRequest, TResponse> method, TRequest request, Metadata headers, TimeSpan timeout, CancellationToken cancellationToken)
        where TRequest : IMessage
        where TResponse : class, IMessage<TResponse>
    {
        if (timeout <= TimeSpan.Zero)
        {
            throw new RpcException(new Status(StatusCode.DeadlineExceeded, "There was no time left for the call."));
        }

        using var ending = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, _closing.Token);
        ending.CancelAfter(timeout);
        try
        {
            using var message = Message(method.Path, request, headers, timeout);
            using var response = await http.SendAsync(message, ending.Token).ConfigureAwait(false);
            if (!UnaryStatus.IsGrpc(response))
            {
                throw new RpcException(UnaryStatus.OfHttp(response));
            }

            TResponse? answer;
            var body = await response.Content.ReadAsStreamAsync(ending.Token).ConfigureAwait(false);
            await using (body.ConfigureAwait(false))
            {
                answer = await UnaryFrame.Read(body, method.Answers, ending.Token).ConfigureAwait(false);
            }

            var status = UnaryStatus.Of(response);
            return status.StatusCode != StatusCode.OK ? throw new RpcException(status)
                : answer ?? throw new RpcException(new Status(StatusCode.Unavailable, "The server has ended the call without an answer."));
        }
        catch (Exception exception) when (exception is OperationCanceledException or HttpRequestException or IOException or ObjectDisposedException)
        {
            throw new RpcException(
                cancellationToken.IsCancellationRequested ? new Status(StatusCode.Cancelled, "The call was given up.")
                : _closing.IsCancellationRequested ? new Status(StatusCode.Cancelled, "The client was disposed of.")
                : ending.IsCancellationRequested ? new Status(StatusCode.DeadlineExceeded, string.Create(CultureInfo.InvariantCulture, $"There was no answer within {timeout.TotalSeconds:0.###} s."))
                : new Status(StatusCode.Unavailable, Failures.IsConnectTimeout(exception) ? "The server takes no connection." : exception.Message, exception));
        }
    }

    public void Dispose()
    {
        // It is not disposed of: there may be calls yet, which are to learn why they end.
        _closing.Cancel();
        http.Dispose();
    }

    private HttpRequestMessage Message(string path, IMessage request, Metadata headers, TimeSpan timeout)
    {
        var message = new HttpRequestMessage(HttpMethod.Post, _uris.GetOrAdd(path, static (path, address) => new Uri(address, path), address))
        {
            Version = HttpVersion.Version20,
            VersionPolicy = HttpVersionPolicy.RequestVersionExact,
            Content = new UnaryContent(request),
        };
        message.Headers.TryAddWithoutValidation("te", "trailers");
        message.Headers.TryAddWithoutValidation("grpc-timeout", UnaryStatus.Timeout(timeout));
        foreach (var header in headers)
        {
            message.Headers.TryAddWithoutValidation(header.Key, header.Value);
        }

        return message;
    }
}
