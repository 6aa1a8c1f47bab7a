"""Run the MAEDAY page: `python app.py`. This is the file a Hugging Face Space runs."""

from app import build_demo, serve

demo = build_demo()

if __name__ == "__main__":
    serve(demo)
