using System.Buffers;
using System.IO.Pipelines;
using Google.Protobuf;
using Granary.Server.Configuration;
using Granary.Server.Facade;
using Grpc.Core;

namespace Granary.Server.Gateway;

/// <summary>
/// One call with JSON over HTTP: makes the gRPC call of it, within the process, and gives back what that answers, line by line if it is a stream.
/// Whatever holds for gRPC calls, deadlines and bounds and errors, holds for these.
/// </summary>
/// <param name="outer">The HTTP request.</param>
/// <param name="method">What is called.</param>
/// <param name="grpc">Serves gRPC requests.</param>
/// <param name="options">Bounds.</param>
internal sealed class GatewayCall(HttpContext outer, GatewayMethod method, RequestDelegate grpc, ServerOptions options)
{
    private const string GrpcContentType = "application/grpc";

    // What goes out at once: the server copies it, and keeps the room for that.
    private const int SentBytes = 64 << 10;

    // Base64 takes a third more, names and white space what they like.
    private static int MaxJsonBytes(ServerOptions options) => 2 * RequestSize.MaxMessageBytes(options);

    private readonly JsonObjectReader _objects = new(outer.Request.BodyReader, MaxJsonBytes(options));

    public async Task Run()
    {
        try
        {
            if (method.GivesStream)
            {
                await RunStream();
            }
            else
            {
                await RunUnary();
            }
        }
        catch (MalformedJsonException exception)
        {
            await Refuse(StatusCode.InvalidArgument, exception.Message);
        }
        catch (MessageTooLargeException exception)
        {
            await Refuse(
                StatusCode.ResourceExhausted,
                $"grpc: received message larger than max ({exception.SizeBytes} vs. {RequestSize.MaxMessageBytes(options)})");
        }
        catch (Exception exception) when (outer.RequestAborted.IsCancellationRequested && exception is OperationCanceledException or IOException)
        {
            // Nobody is there to be told.
        }
    }

    private async Task RunUnary()
    {
        var request = await ReadOne();

        // The whole answer is in memory already: the pipe need not hold it back.
        var answer = new Pipe(new PipeOptions(pauseWriterThreshold: 0));
        var response = new InnerResponse(answer.Writer, outer.Response);
        var (context, inner) = InnerRequest.Create(outer, method.GrpcPath, PipeReader.Create(request), response);
        using (inner)
        {
            await grpc(context);
        }

        await answer.Writer.CompleteAsync();
        var (code, text) = response.Status;
        if (code != StatusCode.OK)
        {
            await GatewayErrors.Write(outer.Response, code, text);
            return;
        }

        var read = await answer.Reader.ReadAsync(outer.RequestAborted);
        var buffer = read.Buffer;
        var json = JsonMessageWriter.Write(GrpcFrames.Read(ref buffer, method.Output)!);
        answer.Reader.AdvanceTo(buffer.Start);
        PrepareAnswer();
        outer.Response.ContentLength = json.Length;
        for (var at = 0; at < json.Length; at += SentBytes)
        {
            await outer.Response.Body.WriteAsync(json.Slice(at, Math.Min(SentBytes, json.Length - at)), outer.RequestAborted);
        }
    }

    private async Task RunStream()
    {
        var asked = new Pipe();
        var sending = Task.CompletedTask;
        PipeReader body;
        if (method.TakesStream)
        {
            body = asked.Reader;
        }
        else
        {
            body = PipeReader.Create(await ReadOne());
        }

        var answers = new Pipe();
        var response = new InnerResponse(answers.Writer, outer.Response);
        var (context, inner) = InnerRequest.Create(outer, method.GrpcPath, body, response);
        using (inner)
        {
            if (method.TakesStream)
            {
                sending = Send(asked.Writer, inner);
            }

            var serving = Serve(context, answers.Writer);
            try
            {
                await Forward(answers.Reader);
            }
            finally
            {
                inner.Abort();
                await answers.Reader.CompleteAsync();
                await Task.WhenAll(serving, sending).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
        }

        if (sending.IsFaulted)
        {
            await sending;
        }

        var (code, text) = response.Status;
        if (code != StatusCode.OK)
        {
            await GatewayErrors.WriteLast(outer.Response, code, text);
        }
    }

    private async Task Serve(HttpContext context, PipeWriter answers)
    {
        try
        {
            await grpc(context);
        }
        finally
        {
            await answers.CompleteAsync();
        }
    }

    /// <summary>Gives each answer to the client as soon as it is there.</summary>
    private async Task Forward(PipeReader answers)
    {
        while (true)
        {
            var read = await answers.ReadAsync(outer.RequestAborted);
            var buffer = read.Buffer;
            while (GrpcFrames.Read(ref buffer, method.Output) is { } message)
            {
                if (!outer.Response.HasStarted)
                {
                    PrepareAnswer();
                }

                // A chunk each: there are clients that take a chunk for a line.
                Write(outer.Response.BodyWriter, message);
                await outer.Response.BodyWriter.FlushAsync(outer.RequestAborted);
            }

            answers.AdvanceTo(buffer.Start, buffer.End);

            if (read.IsCompleted)
            {
                return;
            }
        }
    }

    private static void Write(PipeWriter target, IMessage message)
    {
        target.Write("{\"result\":"u8);
        target.Write(JsonMessageWriter.Write(message, isInStream: true).Span);
        target.Write("}\n"u8);
    }

    /// <summary>Sends request after request, as they come in. The end of the body is the end of the requests, not of the call.</summary>
    private async Task Send(PipeWriter requests, InnerRequest inner)
    {
        try
        {
            while (await _objects.Next(inner.RequestAborted) is { } json)
            {
                GrpcFrames.Write(requests, Read(json));
                await requests.FlushAsync(inner.RequestAborted);
            }
        }
        catch
        {
            inner.Abort();
            throw;
        }
        finally
        {
            await requests.CompleteAsync();
        }
    }

    private async Task<ReadOnlySequence<byte>> ReadOne()
    {
        var json = await _objects.Next(outer.RequestAborted);
        var framed = new ArrayBufferWriter<byte>();
        GrpcFrames.Write(framed, json is null ? method.Input.Parser.ParseFrom([]) : Read(json));
        return new ReadOnlySequence<byte>(framed.WrittenMemory);
    }

    private IMessage Read(byte[] json)
    {
        var message = JsonMessageReader.Read(json, method.Input);
        var size = message.CalculateSize();
        return size <= RequestSize.MaxMessageBytes(options) ? message : throw new MessageTooLargeException(size);
    }

    private void PrepareAnswer()
    {
        outer.Response.ContentType = GatewayErrors.JsonType;
        outer.Response.Headers["Grpc-Metadata-Content-Type"] = GrpcContentType;
    }

    // What cannot be read is refused before there is a stream, unless the requests are one.
    private Task Refuse(StatusCode code, string text) => method.TakesStream
        ? GatewayErrors.WriteLast(outer.Response, code, text)
        : GatewayErrors.Write(outer.Response, code, text);
}
