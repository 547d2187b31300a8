namespace Granary.Client.Tests;

/// <summary>To what a client leads, and how.</summary>
public enum Way
{
    /// <summary>To etcd, by gRPC.</summary>
    Etcd,

    /// <summary>To Granary, by gRPC.</summary>
    Granary,

    /// <summary>To the Granary of this process, by calls of grains.</summary>
    InCluster,
}
