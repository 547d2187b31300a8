using Granary.Log.Commits;
using Granary.Mvcc.Errors;
using Granary.Protos;
using Granary.Server.Configuration;
using Granary.Server.Identity;
using Granary.Storage.Replicas;
using Grpc.Core;

namespace Granary.Server.Facade;

/// <summary>The Cluster service. With a log of its own a server is the only member: it neither leaves nor takes others in.</summary>
internal sealed class ClusterService(Callers callers, ICommitLog log, Leading leading, Member member, Members members, CallErrors errors)
    : Cluster.ClusterBase
{
    public override async Task<MemberListResponse> MemberList(MemberListRequest request, ServerCallContext context)
    {
        try
        {
            if (request.Linearizable)
            {
                await leading.Prove(context.CancellationToken);
            }

            callers.User(context);
            return new MemberListResponse { Header = member.Complete(new ResponseHeader()), Members = { await members.List(request.Linearizable) } };
        }
        catch (Exception exception)
        {
            throw await errors.Map(exception, context);
        }
    }

    public override async Task<MemberAddResponse> MemberAdd(MemberAddRequest request, ServerCallContext context)
    {
        CallErrors.ThrowIf(request.PeerURLs.Count == 0 || !request.PeerURLs.All(IsPeerUrl) ? EtcdError.BadMemberUrls : null);
        CallErrors.Run(() => callers.Admin(context));
        try
        {
            if (!members.AreShared)
            {
                EtcdException.ThrowIf(request.PeerURLs.Intersect((await members.List(mustBeNew: false)).SelectMany(static one => one.PeerURLs)).Any() ? EtcdError.PeerUrlExists : null);
                throw new RpcException(new Status(
                    StatusCode.Unimplemented, "etcdserver: this server is a cluster of its own and takes no further members: several share a log with --engine=postgres"));
            }

            await leading.Prove(context.CancellationToken);
            var added = await members.Add(request.PeerURLs, request.IsLearner);
            return new MemberAddResponse { Header = member.Complete(new ResponseHeader()), Member = added, Members = { await members.List(mustBeNew: true) } };
        }
        catch (Exception exception)
        {
            throw await errors.Map(exception, context);
        }
    }

    public override async Task<MemberRemoveResponse> MemberRemove(MemberRemoveRequest request, ServerCallContext context)
    {
        try
        {
            callers.Admin(context);
            await leading.Prove(context.CancellationToken);
            await members.Remove(request.ID);
            return new MemberRemoveResponse { Header = member.NewHeader(), Members = { await members.List(mustBeNew: true) } };
        }
        catch (Exception exception)
        {
            throw await errors.Map(exception, context);
        }
    }

    public override async Task<MemberUpdateResponse> MemberUpdate(MemberUpdateRequest request, ServerCallContext context)
    {
        try
        {
            var caller = callers.Admin(context);
            if (members.AreShared)
            {
                await leading.Prove(context.CancellationToken);
                await members.SetPeerUrls(request.ID, request.PeerURLs);
            }
            else
            {
                CallErrors.ThrowIf(request.ID == member.Id ? null : EtcdError.MemberNotFound);
                await log.SetPeerUrls(new PeerUrlsRecord([.. request.PeerURLs]), caller);
            }

            return new MemberUpdateResponse { Header = member.Complete(new ResponseHeader()), Members = { await members.List(mustBeNew: true) } };
        }
        catch (Exception exception)
        {
            throw await errors.Map(exception, context);
        }
    }

    public override async Task<MemberPromoteResponse> MemberPromote(MemberPromoteRequest request, ServerCallContext context)
    {
        try
        {
            callers.Admin(context);
            await leading.Prove(context.CancellationToken);
            await members.Promote(request.ID, context.CancellationToken);
            return new MemberPromoteResponse { Header = member.Complete(new ResponseHeader()), Members = { await members.List(mustBeNew: true) } };
        }
        catch (Exception exception)
        {
            throw await errors.Map(exception, context);
        }
    }

    // Scheme, host and port, and no more.
    private static bool IsPeerUrl(string text) =>
        Uri.TryCreate(text, UriKind.Absolute, out var url) && url.Scheme is "http" or "https" && url.AbsolutePath == "/" && !text.EndsWith('/')
        && text.LastIndexOf(':') > text.LastIndexOf('/') && url.Host.Length > 0;
}
