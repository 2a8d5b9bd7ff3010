// The Vercel AI SDK: its text streams, which call tools by themselves. Reads and writes what conversation.py says.
import { text as readAll } from 'node:stream/consumers';
import { createAnthropic } from '@ai-sdk/anthropic';
import { createGoogle } from '@ai-sdk/google';
import { createOpenAI } from '@ai-sdk/openai';
import { isStepCount, streamText, tool } from 'ai';
import { z } from 'zod';

const INSTRUCTIONS = 'You are a terse clerk.';
const MOST_REQUESTS = 3;

const models = {
  'openai-chat': (job, name) => createOpenAI({ baseURL: `${job.url}/v1`, apiKey: job.key }).chat(name),
  'openai-responses': (job, name) => createOpenAI({ baseURL: `${job.url}/v1`, apiKey: job.key }).responses(name),
  'anthropic-messages': (job, name) => createAnthropic({ baseURL: `${job.url}/v1`, apiKey: job.key })(name),
  gemini: (job, name) => createGoogle({ baseURL: `${job.url}/v1beta`, apiKey: job.key })(name),
};

async function converse(job, run, heard) {
  const inputSchema = z.object({ city: z.enum(['Zürich', 'Genève']), days: z.number().int().min(2).max(9) });
  const execute = async (input) => {
    heard.calls.push(input);
    return job.weather;
  };
  const result = streamText({
    model: models[run.client](job, run.model),
    instructions: INSTRUCTIONS,
    prompt: run.text,
    tools: { get_weather: tool({ description: 'Weather of the next days', inputSchema, execute }) },
    stopWhen: isStepCount(MOST_REQUESTS),
    maxRetries: 0,
    onError: () => {}, // it would write to the console what the stream tells as well
  });
  for await (const part of result.stream) {
    if (part.type === 'text-delta' && part.text) heard.pieces.push(part.text);
    if (part.type === 'error' || part.type === 'tool-error') throw part.error;
  }
  const usage = await result.totalUsage;
  heard.input_tokens = usage.inputTokens ?? null;
  heard.output_tokens = usage.outputTokens ?? null;
}

const job = JSON.parse(await readAll(process.stdin));
for (const run of job.runs) {
  const heard = { calls: [], pieces: [], input_tokens: null, output_tokens: null };
  let error = null;
  try {
    await converse(job, run, heard);
  } catch (thrown) {
    error = `${thrown?.stack ?? thrown}\n${thrown?.responseBody ?? ''}`;
  }
  process.stdout.write(`${JSON.stringify({ client: run.client, model: run.model, error, ...heard })}\n`);
}
