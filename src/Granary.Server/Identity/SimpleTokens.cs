using System.Collections.Concurrent;
using System.Security.Cryptography;
using Google.Protobuf;
using Granary.Grains.Identity;
using Granary.Mvcc.Auth;
using Granary.Protos;

namespace Granary.Server.Identity;

/// <summary>
/// Tokens that only the processes of this cluster know: random letters, a dot, an index of the log. Each use gives a token its full time again. It ends
/// with its user, with the password by which it was got, and when authentication is turned off.
/// </summary>
internal sealed class SimpleTokens(TimeSpan timeToLive, TimeProvider time) : ITokens, ISessions
{
    private const string Letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
    private const int LetterCount = 16;

    private static readonly TimeSpan SweepInterval = TimeSpan.FromSeconds(1);

    // Found by a hash that is seeded anew for each process: how long a look-up takes tells nothing of the tokens there are.
    private readonly ConcurrentDictionary<string, HeldSession> _sessions = new(StringComparer.Ordinal);
    private long _sweptAt = time.GetTimestamp();

    /// <summary>Tokens that are held, spent ones that nobody has swept away included.</summary>
    public int Count => _sessions.Count;

    public string Assign(AuthState auth, User user, long index)
    {
        Sweep();
        while (true)
        {
            var token = $"{RandomNumberGenerator.GetString(Letters, LetterCount)}.{index}";
            if (_sessions.TryAdd(token, new HeldSession(Caller.Of(user.Name.ToStringUtf8()), user.Password, auth.EnabledAt, time.GetTimestamp())))
            {
                return token;
            }
        }
    }

    public Session? Share(string token, long index) => _sessions.TryGetValue(token, out var held)
        ? new Session(token, held.Caller.User!, held.Password, held.EnabledAt, index) : null;

    public void Add(Session session)
    {
        Sweep();
        _sessions.TryAdd(session.Token, new HeldSession(Caller.Of(session.User), session.Password, session.EnabledAt, time.GetTimestamp()));
    }

    public Caller? Find(AuthState auth, string token)
    {
        if (!_sessions.TryGetValue(token, out var session))
        {
            return null;
        }

        if (IsSpent(session)
            || session.EnabledAt != auth.EnabledAt
            || !auth.Users.TryGetValue(session.Caller.User!, out var user)
            || user.Password != session.Password)
        {
            _sessions.TryRemove(token, out _);
            return null;
        }

        session.UsedAt = time.GetTimestamp();
        return session.Caller;
    }

    private bool IsSpent(HeldSession session) => time.GetElapsedTime(session.UsedAt) >= timeToLive;

    private void Sweep()
    {
        var before = Interlocked.Read(ref _sweptAt);
        if (time.GetElapsedTime(before) < SweepInterval || Interlocked.CompareExchange(ref _sweptAt, time.GetTimestamp(), before) != before)
        {
            return;
        }

        foreach (var (token, session) in _sessions)
        {
            if (IsSpent(session))
            {
                _sessions.TryRemove(token, out _);
            }
        }
    }

    private sealed class HeldSession(Caller caller, ByteString password, ulong enabledAt, long usedAt)
    {
        private long _usedAt = usedAt;

        public Caller Caller => caller;

        public ByteString Password => password;

        public ulong EnabledAt => enabledAt;

        public long UsedAt
        {
            get => Interlocked.Read(ref _usedAt);
            set => Interlocked.Exchange(ref _usedAt, value);
        }
    }
}
