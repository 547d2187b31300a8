using Granary.Server.Metrics;
using Granary.Storage.Stores;
using Microsoft.Extensions.Time.Testing;

namespace Granary.Server.Tests;

public sealed class LatestFiguresTests
{
    [Fact]
    public void The_store_is_asked_once_for_all_figures_of_a_scrape_and_anew_for_the_next()
    {
        var asked = 0;
        var time = new FakeTimeProvider();
        var figures = new LatestFigures(() => new StoreFigures { SizeBytes = ++asked, InUseBytes = 0, KeysCount = 0 }, time);
        for (var i = 0; i < 9; i++)
        {
            Assert.Equal(1, figures.Value.SizeBytes);
            time.Advance(TimeSpan.FromMilliseconds(10));
        }

        time.Advance(TimeSpan.FromSeconds(5));
        Assert.Equal(2, figures.Value.SizeBytes);
        Assert.Equal(2, asked);
    }
}
