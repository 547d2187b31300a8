using Granary.Storage.Checksums;

namespace Granary.Log.Tests.Embedded;

public sealed class Crc32CTests
{
    [Fact]
    public void The_check_value_of_the_algorithm_comes_out() => Assert.Equal(0xE3069283u, Crc32C.Compute("123456789"u8));

    [Fact]
    public void Zeros_have_the_checksum_of_the_iscsi_standard() => Assert.Equal(0x8A9136AAu, Crc32C.Compute(new byte[32]));

    [Fact]
    public void A_checksum_in_parts_is_that_of_the_whole()
    {
        var bytes = Payload.Of(100, seed: 1);
        for (var cut = 0; cut <= bytes.Length; cut++)
        {
            Assert.Equal(Crc32C.Compute(bytes), Crc32C.Continue(Crc32C.Compute(bytes.AsSpan(0, cut)), bytes.AsSpan(cut)));
        }
    }
}
