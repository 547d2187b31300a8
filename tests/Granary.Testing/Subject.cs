namespace Granary.Testing;

/// <summary>
/// What is under test. It is Granary; with GRANARY_TEST_SUBJECT=etcd it is a second etcd, against which every comparison must
/// hold too: that is how the tests are tested.
/// </summary>
public static class Subject
{
    public static Product Product { get; } = Environment.GetEnvironmentVariable("GRANARY_TEST_SUBJECT") switch
    {
        null or "" or "granary" => Product.Granary,
        "etcd" => Product.Etcd,
        var other => throw new InvalidOperationException($"GRANARY_TEST_SUBJECT is '{other}': it can be 'granary' or 'etcd'."),
    };

    public static bool IsGranary => Product == Product.Granary;

    public static Task<Server> Start(CancellationToken cancellationToken, params string[] flags) =>
        Server.Start(Product, cancellationToken, flags);
}
