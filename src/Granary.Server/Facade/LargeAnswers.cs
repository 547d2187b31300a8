using Granary.Grains.KeyRanges;
using Granary.Server.Gateway;
using Grpc.Core;
using Microsoft.AspNetCore.Http.Features;

namespace Granary.Server.Facade;

/// <summary>
/// Sends large answers piece by piece, at the client's pace: of itself the server puts a message as a whole into memory that it keeps for
/// others, and takes the call for ended when it is there. The share of the answer is disposed with the call.
/// </summary>
internal sealed class LargeAnswers(RequestDelegate next)
{
    public async Task InvokeAsync(HttpContext context)
    {
        await next(context);
        if (context.Features.Get<HeldBody>() is { } body)
        {
            await body.Send(context.RequestAborted);
        }
    }

    // Pairs and message as ever, the message as the gateway reads it, and its JSON, for which twice the message's bytes are taken.
    private const int CopiesForJson = 5;

    /// <summary>The share of a call whose answer may be large.</summary>
    public static AnswerShare Share(AnswerBudget budget, ServerCallContext call) =>
        call.Feature<IHttpResponseBodyFeature>() is InnerResponse ? new(budget, CopiesForJson) : new(budget);

    /// <summary>Has a call hold its share, if it took one, until its answer, which is yet to be written, is with the client.</summary>
    public static void Hold(ServerCallContext call, AnswerShare? share)
    {
        if (share is null || !share.IsTaken)
        {
            return;
        }

        call.HoldUntilEnd(share);

        // What the gateway calls is written for the gateway, which makes JSON of it.
        if (call.Feature<IHttpResponseBodyFeature>() is { } body and not InnerResponse)
        {
            var held = new HeldBody(body);
            var features = call.GetHttpContext().Features;
            features.Set(held);
            features.Set<IHttpResponseBodyFeature>(held);
        }
    }
}
