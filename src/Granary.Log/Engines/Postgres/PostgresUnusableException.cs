namespace Granary.Log.Engines.Postgres;

/// <summary>The database cannot hold a log as it is set up, or holds another: to try again is of no use.</summary>
public sealed class PostgresUnusableException(string message, Exception? inner = null) : Exception(message, inner);
