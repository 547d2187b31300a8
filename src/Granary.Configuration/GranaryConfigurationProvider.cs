using Granary.Client;
using Microsoft.Extensions.Configuration;

namespace Granary.Configuration;

/// <summary>Settings that follow the keys below a prefix.</summary>
internal sealed class GranaryConfigurationProvider(GranaryConfigurationSource source) : ConfigurationProvider, IDisposable, IAsyncDisposable
{
    private static readonly TimeSpan Pause = TimeSpan.FromSeconds(1);

    private readonly string _prefix = source.Prefix;
    private readonly GranaryClient _client = new(source.Client);
    private readonly Lock _loading = new();
    private readonly CancellationTokenSource _ending = new();

    // Whether it is code of the application that follows a change: it may dispose of this, and then nobody waits for it.
    private readonly AsyncLocal<bool> _isFollowing = new();

    // By key, in the order of their bytes: of two keys that come to the same setting the last one counts, always.
    private readonly SortedDictionary<Bytes, string> _pairs = new(Comparer<Bytes>.Create(static (left, right) => left.Span.SequenceCompareTo(right.Span)));

    // The revision that the settings are of; 0: nothing was read yet.
    private long _revision;
    private Task? _following;
    private int _isDisposed;

    /// <summary>Reads all, and follows what changes from then on. To do it again changes nothing: the settings are those of the store.</summary>
    /// <exception cref="InvalidOperationException">No server answers, and the application is not to start without.</exception>
    public override void Load()
    {
        lock (_loading)
        {
            if (_following is not null)
            {
                return;
            }

            // Whoever asks may be on a thread that must not be waited on.
            Task.Run(LoadFirst).GetAwaiter().GetResult();
            _following = Task.Run(Follow);
        }
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
        if (_following is not null && !_isFollowing.Value)
        {
            await _following.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            _ending.Dispose();
        }

        await _client.DisposeAsync().ConfigureAwait(false);
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
                // Nobody disposes of what was not built.
                await _client.DisposeAsync().ConfigureAwait(false);
                throw new InvalidOperationException(
                    $"The configuration below '{_prefix}' could not be read from {string.Join(", ", source.Client.Endpoints)}: {exception.Message}"
                    + $" Start the servers, or set {nameof(source.IsOptional)} to start without.",
                    exception);
            }
        }
    }

    private async Task Follow()
    {
        _isFollowing.Value = true;
        while (!_ending.IsCancellationRequested)
        {
            try
            {
                if (_revision == 0)
                {
                    await ReadAll(_ending.Token).ConfigureAwait(false);
                    OnReload();
                }

                var options = new WatchOptions { StartRevision = _revision + 1 };
                await foreach (var update in _client.WatchAsync(KeyRange.Prefix(_prefix), options, _ending.Token).ConfigureAwait(false))
                {
                    Apply(update);
                    OnReload();
                }
            }
            catch (CompactedException)
            {
                // What has changed since is not all there any more: all is read anew.
                _revision = 0;
            }
            catch (Exception exception)
            {
                await Rest(exception).ConfigureAwait(false);
            }
        }
    }

    private async Task ReadAll(CancellationToken cancellationToken)
    {
        var range = KeyRange.Prefix(_prefix);
        var newest = await _client.RangeAsync(range, new RangeOptions { Limit = 1 }, cancellationToken).ConfigureAwait(false);
        _pairs.Clear();
        await foreach (var pair in _client.EnumerateAsync(range, newest.Revision, cancellationToken: cancellationToken).ConfigureAwait(false))
        {
            _pairs[pair.Key] = pair.Value.ToString();
        }

        (Data, _revision) = (Settings(), newest.Revision);
    }

    private void Apply(WatchUpdate update)
    {
        foreach (var change in update.Events)
        {
            if (change.IsDeletion)
            {
                _pairs.Remove(change.Key);
            }
            else
            {
                _pairs[change.Key] = change.Value.ToString();
            }
        }

        (Data, _revision) = (Settings(), update.Revision);
    }

    // New ones each time: who reads meanwhile has those of before, all of them.
    private Dictionary<string, string?> Settings()
    {
        var settings = new Dictionary<string, string?>(StringComparer.OrdinalIgnoreCase);
        foreach (var (key, value) in _pairs)
        {
            var name = key.ToString()[_prefix.Length..].Replace("/", ConfigurationPath.KeyDelimiter, StringComparison.Ordinal).TrimStart(ConfigurationPath.KeyDelimiter[0]);
            if (name.Length > 0)
            {
                settings[name] = value;
            }
        }

        return settings;
    }

    // What has gone wrong, by servers or by who was told of a change, stops nothing.
    private async Task Rest(Exception exception)
    {
        if (_ending.IsCancellationRequested)
        {
            return;
        }

        try
        {
            source.OnError?.Invoke(exception);
        }
        catch (Exception)
        {
            // There is nobody else to tell.
        }

        await Task.Delay(Pause, _ending.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }
}
