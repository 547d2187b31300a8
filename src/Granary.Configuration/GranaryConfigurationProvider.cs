using Granary.Client;
using Microsoft.Extensions.Configuration;

namespace Granary.Configuration;

/// <summary>Settings that follow the keys below a prefix.</summary>
internal sealed class GranaryConfigurationProvider(GranaryConfigurationSource source) : ConfigurationProvider, IDisposable, IAsyncDisposable
{
    private static readonly TimeSpan Pause = TimeSpan.FromSeconds(1);

    private readonly GranaryClient _client = new(source.Client);
    private readonly KeyRange _range = KeyRange.Prefix(source.Prefix);
    private readonly CancellationTokenSource _ending = new();

    // The revision that the settings are of; 0: nothing was read yet.
    private long _revision;
    private Task? _following;
    private int _isDisposed;

    /// <summary>Reads all, and follows what changes from then on. To do it again changes nothing: the settings are those of the store.</summary>
    /// <exception cref="InvalidOperationException">No server answers, and the application is not to start without.</exception>
    public override void Load()
    {
        if (_following is not null)
        {
            return;
        }

        // Whoever asks may be on a thread that must not be waited on.
        Task.Run(LoadFirst).GetAwaiter().GetResult();
        _following = Task.Run(Follow);
    }

    /// <inheritdoc/>
    public void Dispose() => DisposeAsync().AsTask().GetAwaiter().GetResult();

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref _isDisposed, 1) != 0)
        {
            return;
        }

        await _ending.CancelAsync().ConfigureAwait(false);
        if (_following is not null)
        {
            await _following.ConfigureAwait(false);
        }

        await _client.DisposeAsync().ConfigureAwait(false);
        _ending.Dispose();
    }

    private async Task LoadFirst()
    {
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(_ending.Token);
        patience.CancelAfter(source.LoadTimeout);
        try
        {
            await ReadAll(patience.Token).ConfigureAwait(false);
        }
        catch (Exception exception) when (exception is GranaryException or OperationCanceledException)
        {
            if (!source.IsOptional)
            {
                throw new InvalidOperationException(
                    $"The configuration below '{source.Prefix}' could not be read from {string.Join(", ", source.Client.Endpoints)}: {exception.Message}"
                    + $" Start the servers, or set {nameof(source.IsOptional)} to start without.",
                    exception);
            }
        }
    }

    private async Task Follow()
    {
        while (!_ending.IsCancellationRequested)
        {
            try
            {
                if (_revision == 0)
                {
                    await ReadAll(_ending.Token).ConfigureAwait(false);
                    Tell();
                }

                await foreach (var update in _client.WatchAsync(_range, new WatchOptions { StartRevision = _revision + 1 }, _ending.Token).ConfigureAwait(false))
                {
                    Apply(update);
                    Tell();
                }
            }
            catch (CompactedException)
            {
                // What has changed since is not all there any more: all is read anew.
                _revision = 0;
            }
            catch (GranaryException exception)
            {
                source.OnError?.Invoke(exception);
                await Rest().ConfigureAwait(false);
            }
            catch (OperationCanceledException) when (_ending.IsCancellationRequested)
            {
                return;
            }
        }
    }

    private async Task ReadAll(CancellationToken cancellationToken)
    {
        var newest = await _client.RangeAsync(_range, new RangeOptions { Limit = 1 }, cancellationToken).ConfigureAwait(false);
        var settings = NewSettings();
        await foreach (var pair in _client.EnumerateAsync(_range, newest.Revision, cancellationToken: cancellationToken).ConfigureAwait(false))
        {
            settings[Name(pair.Key)] = pair.Value.ToString();
        }

        (Data, _revision) = (settings, newest.Revision);
    }

    private void Apply(WatchUpdate update)
    {
        // Who reads meanwhile has the settings of before, all of them.
        var settings = NewSettings();
        foreach (var (name, value) in Data)
        {
            settings.Add(name, value);
        }

        foreach (var change in update.Events)
        {
            if (change.IsDeletion)
            {
                settings.Remove(Name(change.Key));
            }
            else
            {
                settings[Name(change.Key)] = change.Value.ToString();
            }
        }

        (Data, _revision) = (settings, update.Revision);
    }

    private void Tell()
    {
        try
        {
            OnReload();
        }
        catch (AggregateException exception)
        {
            source.OnError?.Invoke(exception);
        }
    }

    private async Task Rest()
    {
        try
        {
            await Task.Delay(Pause, _ending.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException)
        {
            // The loop sees it.
        }
    }

    private string Name(Bytes key) => key.ToString()[source.Prefix.Length..].Replace("/", ConfigurationPath.KeyDelimiter, StringComparison.Ordinal);

    private static Dictionary<string, string?> NewSettings() => new(StringComparer.OrdinalIgnoreCase);
}
