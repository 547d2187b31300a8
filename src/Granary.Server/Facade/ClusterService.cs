using Granary.Log.Commits;
using Granary.Mvcc.Errors;
using Granary.Protos;
using Granary.Server.Configuration;
using Granary.Server.Identity;
using Granary.Storage.Replicas;
using Grpc.Core;

namespace Granary.Server.Facade;

/// <summary>The Cluster service of a cluster of one member: it is listed, can say by which URLs it is reached, and neither leaves nor takes others in.</summary>
internal sealed class ClusterService(Callers callers, Replica replica, ICommitLog log, Leading leading, Member member, CallErrors errors, ServerOptions options)
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
            return new MemberListResponse { Header = member.Complete(new ResponseHeader()), Members = { Self } };
        }
        catch (Exception exception)
        {
            throw await errors.Map(exception, context);
        }
    }

    public override Task<MemberAddResponse> MemberAdd(MemberAddRequest request, ServerCallContext context)
    {
        CallErrors.ThrowIf(request.PeerURLs.Count == 0 || !request.PeerURLs.All(IsPeerUrl) ? EtcdError.BadMemberUrls : null);
        CallErrors.Run(() => callers.Admin(context));
        CallErrors.ThrowIf(request.PeerURLs.Intersect(PeerUrls).Any() ? EtcdError.PeerUrlExists : null);
        throw new RpcException(new Status(StatusCode.Unimplemented, "etcdserver: this server is a cluster of its own and takes no further members"));
    }

    public override Task<MemberRemoveResponse> MemberRemove(MemberRemoveRequest request, ServerCallContext context)
    {
        CallErrors.Run(() => callers.Admin(context));
        throw CallErrors.Of(request.ID == member.Id ? EtcdError.NotEnoughStartedMembers : EtcdError.MemberNotFound);
    }

    public override async Task<MemberUpdateResponse> MemberUpdate(MemberUpdateRequest request, ServerCallContext context)
    {
        try
        {
            var caller = callers.Admin(context);
            CallErrors.ThrowIf(request.ID == member.Id ? null : EtcdError.MemberNotFound);
            await leading.Written(log.SetPeerUrls(new PeerUrlsRecord([.. request.PeerURLs]), caller));
            return new MemberUpdateResponse { Header = member.Complete(new ResponseHeader()), Members = { Self } };
        }
        catch (Exception exception)
        {
            throw await errors.Map(exception, context);
        }
    }

    public override Task<MemberPromoteResponse> MemberPromote(MemberPromoteRequest request, ServerCallContext context)
    {
        CallErrors.Run(() => callers.Admin(context));
        throw CallErrors.Of(request.ID == member.Id ? EtcdError.MemberNotLearner : EtcdError.MemberNotFound);
    }

    private IReadOnlyList<string> PeerUrls => replica.State.PeerUrls ?? options.InitialAdvertisePeerUrls;

    private Protos.Member Self => new()
    {
        ID = member.Id,
        Name = options.Name,
        PeerURLs = { PeerUrls },
        ClientURLs = { options.AdvertiseClientUrls },
    };

    // Scheme, host and port, and no more.
    private static bool IsPeerUrl(string text) =>
        Uri.TryCreate(text, UriKind.Absolute, out var url) && url.Scheme is "http" or "https" && url.AbsolutePath == "/" && !text.EndsWith('/')
        && text.LastIndexOf(':') > text.LastIndexOf('/') && url.Host.Length > 0;
}
