using System.Net.Security;
using System.Security.Cryptography.X509Certificates;
using Granary.Protos;
using Granary.Server.Configuration;
using Grpc.Core;
using Grpc.Core.Interceptors;
using Grpc.Net.Client;

namespace Granary.Server.Import;

/// <summary>A connection to a running etcd or Granary, as a client that may have to show a certificate or a password.</summary>
internal sealed class EtcdEndpoint : IDisposable
{
    private readonly GrpcChannel _channel;

    private EtcdEndpoint(string address, GrpcChannel channel, CallInvoker invoker)
    {
        Address = address;
        _channel = channel;
        Kv = new KV.KVClient(invoker);
        Watch = new Watch.WatchClient(invoker);
        Lease = new Lease.LeaseClient(invoker);
        Auth = new Auth.AuthClient(invoker);
        Maintenance = new Maintenance.MaintenanceClient(invoker);
        Cluster = new Cluster.ClusterClient(invoker);
        Health = new Grpc.Health.V1.Health.HealthClient(invoker);
    }

    public string Address { get; }

    public KV.KVClient Kv { get; }

    public Watch.WatchClient Watch { get; }

    public Lease.LeaseClient Lease { get; }

    public Auth.AuthClient Auth { get; }

    public Maintenance.MaintenanceClient Maintenance { get; }

    public Cluster.ClusterClient Cluster { get; }

    public Grpc.Health.V1.Health.HealthClient Health { get; }

    /// <exception cref="SettingsException">The endpoint, or a certificate, cannot be used.</exception>
    /// <exception cref="RpcException">It cannot be reached, or does not know the user.</exception>
    public static async Task<EtcdEndpoint> Connect(EndpointOptions options, CancellationToken cancellationToken)
    {
        var address = options.Endpoint.Contains("://", StringComparison.Ordinal) ? options.Endpoint : "http://" + options.Endpoint;
        if (!Uri.TryCreate(address, UriKind.Absolute, out var uri) || uri.Scheme is not ("http" or "https"))
        {
            throw new SettingsException($"\"{options.Endpoint}\" is no endpoint: write HOST:PORT, http://HOST:PORT or https://HOST:PORT");
        }

        var handler = new SocketsHttpHandler
        {
            UseProxy = false,
            EnableMultipleHttp2Connections = true,
            KeepAlivePingDelay = TimeSpan.FromSeconds(30),
            KeepAlivePingTimeout = TimeSpan.FromSeconds(20),
        };
        if (uri.Scheme == "https")
        {
            handler.SslOptions = Tls(options, address);
        }

        var channel = GrpcChannel.ForAddress(uri, new GrpcChannelOptions
        {
            HttpHandler = handler,
            DisposeHttpClient = true,
            MaxReceiveMessageSize = null,
            MaxSendMessageSize = null,
        });
        try
        {
            var invoker = channel.CreateCallInvoker();
            if (options.User is { } user)
            {
                var (name, password) = user.Split(':', 2) is [var n, var p] ? (n, p) : throw new SettingsException("a user is given as NAME:PASSWORD");
                var answer = await new Protos.Auth.AuthClient(invoker).AuthenticateAsync(
                    new AuthenticateRequest { Name = name, Password = password }, cancellationToken: cancellationToken);
                invoker = invoker.Intercept(metadata =>
                {
                    metadata.Add("token", answer.Token);
                    return metadata;
                });
            }

            return new EtcdEndpoint(address, channel, invoker);
        }
        catch
        {
            channel.Dispose();
            throw;
        }
    }

    /// <summary>Whether the same call may well succeed a little later.</summary>
    public static bool IsPassing(RpcException exception) =>
        exception.StatusCode is StatusCode.Unavailable or StatusCode.DeadlineExceeded or StatusCode.Cancelled or StatusCode.Internal;

    public void Dispose() => _channel.Dispose();

    private static SslClientAuthenticationOptions Tls(EndpointOptions options, string address)
    {
        var tls = new SslClientAuthenticationOptions
        {
            RemoteCertificateValidationCallback = (_, _, chain, errors) => errors == SslPolicyErrors.None ? true : throw Untrusted(address, chain, errors),
        };
        try
        {
            if (options.CertificateFile is { } certificate)
            {
                tls.ClientCertificates = [X509Certificate2.CreateFromPemFile(certificate, options.KeyFile)];
            }

            if (options.AuthorityFile is { } authority)
            {
                var trusted = new X509Certificate2Collection();
                trusted.ImportFromPemFile(authority);
                tls.CertificateChainPolicy = new X509ChainPolicy { TrustMode = X509ChainTrustMode.CustomRootTrust, RevocationMode = X509RevocationMode.NoCheck };
                tls.CertificateChainPolicy.CustomTrustStore.AddRange(trusted);
            }
        }
        catch (Exception exception) when (exception is System.Security.Cryptography.CryptographicException or IOException or UnauthorizedAccessException)
        {
            throw new SettingsException($"a certificate cannot be used: {exception.Message}");
        }

        return tls;
    }

    private static SettingsException Untrusted(string address, X509Chain? chain, SslPolicyErrors errors) => new(
        errors.HasFlag(SslPolicyErrors.RemoteCertificateNameMismatch)
            ? $"the certificate of {address} is one for other hosts: name it as its certificate does"
            : $"the certificate of {address} is not trusted ({string.Join(", ", chain?.ChainStatus.Select(static one => one.Status) ?? [])}): " +
                "name the authority that has signed it with --cacert");
}
