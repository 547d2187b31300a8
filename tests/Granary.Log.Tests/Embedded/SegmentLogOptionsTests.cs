using Granary.Log.Engines.Embedded;

namespace Granary.Log.Tests.Embedded;

public sealed class SegmentLogOptionsTests
{
    public static TheoryData<string, Func<SegmentLogOptions, SegmentLogOptions>> Wrong => new()
    {
        { nameof(SegmentLogOptions.Directory), options => options with { Directory = " " } },
        { nameof(SegmentLogOptions.SegmentBytes), options => options with { SegmentBytes = 4096 } },
        { nameof(SegmentLogOptions.SegmentBytes), options => options with { SegmentBytes = 8193 } },
        { nameof(SegmentLogOptions.SpareSegments), options => options with { SpareSegments = 0 } },
        { nameof(SegmentLogOptions.MaxSpareSegments), options => options with { SpareSegments = 5 } },
        { nameof(SegmentLogOptions.MaxRecordBytes), options => options with { MaxRecordBytes = 0 } },
        { nameof(SegmentLogOptions.MaxRecordBytes), options => options with { SegmentBytes = 8192, MaxRecordBytes = 4096 } },
        { nameof(SegmentLogOptions.SpareRetryInterval), options => options with { SpareRetryInterval = TimeSpan.Zero } },
    };

    [Theory]
    [MemberData(nameof(Wrong))]
    public void A_wrong_setting_is_named(string setting, Func<SegmentLogOptions, SegmentLogOptions> change)
    {
        var options = change(new SegmentLogOptions { Directory = "log" });

        var refusal = Assert.Throws<ArgumentException>(options.Validate);

        Assert.Contains(setting, refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void The_defaults_are_valid() => new SegmentLogOptions { Directory = "log" }.Validate();
}
