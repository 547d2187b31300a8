using Microsoft.AspNetCore.Connections;

namespace Granary.Server.Listening;

/// <summary>
/// How many connections there may be, and how many of them strangers: a stranger has yet to finish the handshake of TLS and to say its first
/// bytes. Where there are too many of either, the stranger that has taken longest is cut off; whoever is known stays.
/// </summary>
/// <param name="most">Connections at a time.</param>
/// <param name="mostStrangers">Of them strangers.</param>
internal sealed class ConnectionBound(int most, int mostStrangers)
{
    /// <summary>Strangers that a server has at most: each holds the state of a handshake.</summary>
    public const int MostStrangers = 4096;

    private readonly Lock _lock = new();
    private readonly LinkedList<ConnectionContext> _strangers = new();
    private int _known;
    private long _refused;

    /// <summary>Connections that are open.</summary>
    public int Open
    {
        get
        {
            lock (_lock)
            {
                return _known + _strangers.Count;
            }
        }
    }

    /// <summary>Connections that were cut off since there were too many.</summary>
    public long Refused => Interlocked.Read(ref _refused);

    /// <summary>Serves a connection, or cuts one off.</summary>
    public async Task Serve(ConnectionContext connection, ConnectionDelegate next)
    {
        var stranger = new LinkedListNode<ConnectionContext>(connection);
        var place = new Place(this, stranger);
        connection.Features.Set(place);
        ConnectionContext? tooMany = null;
        lock (_lock)
        {
            _strangers.AddLast(stranger);
            if (_strangers.Count > mostStrangers || _known + _strangers.Count > most)
            {
                tooMany = _strangers.First!.Value;
                _strangers.RemoveFirst();
            }
        }

        if (tooMany is not null)
        {
            Interlocked.Increment(ref _refused);
            tooMany.Abort(new ConnectionAbortedException("There are too many connections."));
        }

        try
        {
            if (tooMany != connection)
            {
                await next(connection);
            }
        }
        finally
        {
            place.Leave();
        }
    }

    /// <summary>The connection has shown that there is a client behind it.</summary>
    public static void Known(ConnectionContext connection) => connection.Features.Get<Place>()!.Know();

    private sealed class Place(ConnectionBound bound, LinkedListNode<ConnectionContext> stranger)
    {
        private bool _isKnown;

        public void Know()
        {
            lock (bound._lock)
            {
                // One that was cut off in the meantime counts no more.
                if (stranger.List is not null)
                {
                    bound._strangers.Remove(stranger);
                    bound._known++;
                    _isKnown = true;
                }
            }
        }

        public void Leave()
        {
            lock (bound._lock)
            {
                if (_isKnown)
                {
                    bound._known--;
                }
                else if (stranger.List is not null)
                {
                    bound._strangers.Remove(stranger);
                }
            }
        }
    }
}
