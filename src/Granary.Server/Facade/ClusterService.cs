using Granary.Protos;
using Granary.Server.Configuration;
using Grpc.Core;

namespace Granary.Server.Facade;

/// <summary>The Cluster service of a cluster of one member.</summary>
internal sealed class ClusterService(Member member, ServerOptions options) : Cluster.ClusterBase
{
    public override Task<MemberListResponse> MemberList(MemberListRequest request, ServerCallContext context) =>
        Task.FromResult(new MemberListResponse
        {
            Header = member.Complete(new ResponseHeader()),
            Members =
            {
                new Protos.Member
                {
                    ID = member.Id,
                    Name = options.Name,
                    PeerURLs = { options.InitialAdvertisePeerUrls },
                    ClientURLs = { options.AdvertiseClientUrls },
                },
            },
        });
}
